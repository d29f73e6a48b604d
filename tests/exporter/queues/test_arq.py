"""Our figures of a real arq beside what arq says itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis.asyncio

from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import JOBS, counts, entry, reading
from tests.exporter.reading import samples, value
from tests.servers.process import until
from tests.servers.queues import console, worker
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes the venv

AGE = "prunella_queue_oldest_job_age_seconds"


async def test_what_waits_runs_and_is_planned_is_told_apart(tmp_path: Path) -> None:
    async with redis_server() as server, console("arq", server.url) as arq:
        for _ in range(2):
            await arq("enqueue('mail', 600)")
        await arq("enqueue('mail', 0, False, 3600)")
        async with worker("arq", server.url, tmp_path, QUEUE_NAME="mail") as process:
            await until(lambda: process.output().count("→ ") == 2, "both have begun")
            await arq("enqueue('arq:queue')")
            both = entry(system="arq", url=server.url, queues=["mail", "arq:queue"])
            async with reading(both) as collector:
                found = await collect(collector)
            process.kill()
        queued = await arq("queued('mail')")
    assert counts(found, "mail") == {"waiting": 0, "delayed": 1, "active": 2}
    assert sum(counts(found, "mail").values()) == queued
    assert counts(found, "arq:queue") == {"waiting": 1, "delayed": 0, "active": 0}
    assert 0 < (value(found, AGE, queue="arq:queue", state="waiting") or 0) < 60
    assert value(found, AGE, queue="mail", state="waiting") == 0


async def test_queues_are_found_by_the_workers_that_serve_them(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        redis.asyncio.Redis.from_url(server.url) as client,
        worker("arq", server.url, tmp_path, QUEUE_NAME="mail"),
    ):

        async def told() -> bool:
            return bool(await client.exists("mail:health-check"))

        await until(told, "it has told its health")
        async with reading(entry(system="arq", url=server.url)) as collector:
            found = await collect(collector)
    assert {s.labels["queue"] for s in samples(found, JOBS)} == {"arq:queue", "mail"}
    assert found.problems == ()
