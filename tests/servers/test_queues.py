"""The four Python queue systems run from here, and what a killed worker had begun stays begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.servers.lines import ToldError
from tests.servers.postgres import postgres_server
from tests.servers.process import until
from tests.servers.queues import console, worker
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes the venv


async def test_celery_leaves_what_a_killed_worker_had_begun_unacknowledged(tmp_path: Path) -> None:
    async with redis_server() as server, console("celery", server.url) as celery:
        await celery("work.apply_async((600,), queue='email', priority=3).id")
        length = "app.connection().default_channel.client.hlen('unacked')"
        async with worker("celery", server.url, tmp_path, "-Q", "email", "-c", "1") as process:

            async def taken() -> bool:
                return bool(await celery(length) == 1)

            await until(taken, "the task is taken")
            process.kill()
        assert await celery(length) == 1


async def test_rq_leaves_what_a_killed_worker_had_begun_in_progress(tmp_path: Path) -> None:
    async with redis_server() as server, console("rq", server.url) as rq:
        await rq("queue('email').enqueue(work, 600).id")
        async with worker("rq", server.url, tmp_path, "email") as process:

            async def taken() -> bool:
                return bool(await rq("queue('email').started_job_registry.count") == 1)

            await until(taken, "the job is taken")
            process.kill()
        assert await rq("queue('email').started_job_registry.count") == 1


async def test_arq_runs_a_job(tmp_path: Path) -> None:
    async with redis_server() as server, console("arq", server.url) as arq:
        await arq("enqueue('arq:queue')")
        async with worker("arq", server.url, tmp_path) as process:
            await until(lambda: "← " in process.output(), "done")


async def test_procrastinate_runs_a_job(tmp_path: Path) -> None:
    with postgres_server() as server:
        url = server.url(server.database())
        async with console("procrastinate", url) as jobs:
            await jobs("prepare()")
            await jobs("later('email')")
            async with worker("procrastinate", url, tmp_path, "-q", "email") as process:
                await until(lambda: "Success" in process.output(), "done")


async def test_what_is_wrong_is_raised() -> None:
    async with redis_server() as server, console("rq", server.url) as rq:
        with pytest.raises(ToldError, match="NameError"):
            await rq("nobody")
