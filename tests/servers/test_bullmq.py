"""Both majors of BullMQ run from here, and leave what a crash leaves."""

from __future__ import annotations

import asyncio

import pytest

from tests.servers.bullmq import bullmq
from tests.servers.lines import ToldError
from tests.servers.postgres import postgres_server
from tests.servers.process import until
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches BullMQ


@pytest.mark.parametrize("major", [5, 6])
async def test_a_worker_runs_jobs_and_its_crash_leaves_one_active(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        await jobs.call("email", "add", "quick", {})
        await jobs.call("email", "add", "broken", {"fail": True})
        await jobs.call("email", "add", "endless", {"ms": 600_000})
        async with bullmq(server.url, major=major) as workers:
            await workers.work("email")
            await until(lambda: len(workers.runs) == 3, "all three have begun")
        counts = await jobs.call("email", "getJobCounts", "completed", "failed", "active")
        assert counts == {"completed": 1, "failed": 1, "active": 1}
        assert workers.runs == [("email", "1"), ("email", "2"), ("email", "3")]


async def test_six_keeps_its_jobs_in_postgres_too() -> None:
    with postgres_server() as server:
        url = server.url(server.database())
        async with bullmq(url, prefix="bullmq") as jobs:
            await jobs.call("email", "add", "quick", {})
            await jobs.work("email")
            await until(lambda: len(jobs.runs) == 1, "it has begun")
            await jobs.rest()
            assert await jobs.call("email", "getCompletedCount") == 1


async def test_what_it_throws_is_raised() -> None:
    async with redis_server() as server, bullmq(server.url) as jobs:
        with pytest.raises(ToldError, match="is not a function"):
            await jobs.call("email", "no_such_method")


async def test_a_killed_process_answers_nobody() -> None:
    async with redis_server() as server, bullmq(server.url) as jobs:
        waiting = asyncio.create_task(jobs.call("email", "getJobCounts"))
        await asyncio.sleep(0)
        await jobs.kill()
        with pytest.raises(ToldError, match="ended"):
            await waiting
