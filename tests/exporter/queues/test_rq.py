"""Our figures of a real RQ beside what RQ says itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import redis.asyncio

from exporter.collectors.base import World
from exporter.collectors.queues import Queues
from prunella.service.clock import SystemClock
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import counts, entry, reading
from tests.exporter.reading import value
from tests.servers.process import until
from tests.servers.queues import console, worker
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes the venv

AGE = "prunella_queue_oldest_job_age_seconds"
REGISTRIES = {
    "active": "started_job_registry.count", "completed": "finished_job_registry.count",
    "failed": "failed_job_registry.count", "delayed": "scheduled_job_registry.count",
    "waiting_children": "deferred_job_registry.count", "waiting": "count",
}  # fmt: skip


class Ahead(SystemClock):
    """It is two minutes later, when a dead worker's time is over."""

    def now(self) -> float:
        return time.time() + 120


async def test_every_state_is_counted_as_rq_counts_it(tmp_path: Path) -> None:
    async with redis_server() as server, console("rq", server.url) as rq:
        await rq("queue('email').enqueue(work).id")
        await rq("queue('email').enqueue(work, 0, True).id")
        async with worker("rq", server.url, tmp_path, "--burst", "email") as process:
            await until(lambda: not process.running, "both have been run")
        long = await rq("queue('email').enqueue(work, 600).id")
        async with worker("rq", server.url, tmp_path, "email") as process:
            started = "queue('email').started_job_registry.count"

            async def taken() -> bool:
                return bool(await rq(started) == 1)

            await until(taken, "the long one is taken")
            await rq("[queue('email').enqueue(work).id for _ in range(3)]")
            await rq(f"queue('email').enqueue(work, depends_on='{long}').id")
            await rq(
                "queue('email').enqueue_in(__import__('datetime').timedelta(hours=1), work).id"
            )
            async with reading(entry(system="rq", url=server.url)) as collector:
                found = await collect(collector)
            said = {state: await rq(f"queue('email').{how}") for state, how in REGISTRIES.items()}
            process.kill()
        assert counts(found) == said
        assert set(said.values()) == {1, 3}
        assert value(found, "prunella_queue_workers", queue="email") == 1
        assert value(found, "prunella_queue_stalled_jobs", queue="email") == 0
        assert value(found, "prunella_queue_paused", queue="email") == 0
        for state in ("waiting", "active", "failed"):
            age = value(found, AGE, queue="email", state=state)  # 0 within its first second
            assert age is not None
            assert 0 <= age < 60
        later = Queues([entry(system="rq", url=server.url, queues=["email"])], World(clock=Ahead()))
        lost = await collect(later)
        await later.stop()
    assert value(lost, "prunella_queue_stalled_jobs", queue="email") == 1


async def test_suspended_workers_pause_every_queue() -> None:
    async with redis_server() as server, console("rq", server.url) as rq:
        await rq("queue('email').enqueue(work).id")
        await rq("__import__('rq.suspension').suspension.suspend(connection)")
        async with reading(entry(system="rq", url=server.url)) as collector:
            found = await collect(collector)
    assert value(found, "prunella_queue_paused", queue="email") == 1
    assert counts(found)["waiting"] == 1


async def test_what_is_due_and_what_is_none_of_ours() -> None:
    async with redis_server() as server:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await client.sadd("mine:queues", "mine:queue:email")
            await client.zadd("mine:scheduled:email", {"a": time.time() - 50, "b": 9e12})
            await client.zadd("mine:wip:email", {"c": 9e12})  # as version 1 wrote it
            await client.hset("mine:job:c", "started_at", "yesterday")
            await client.sadd("mine:workers:email", "mine:worker:gone")
        async with reading(entry(system="rq", url=server.url, prefix="mine")) as collector:
            found = await collect(collector)
    assert 50 <= (value(found, AGE, queue="email", state="delayed") or 0) < 80
    assert value(found, AGE, queue="email", state="active") == 0
    assert value(found, "prunella_queue_workers", queue="email") == 0
    assert (counts(found)["delayed"], counts(found)["active"]) == (2, 1)
