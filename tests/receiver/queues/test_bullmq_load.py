"""`heal_stuck_jobs` again and again while hundreds of jobs flow and workers are killed: each job's own story is read back."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack

import pytest

from receiver.targets import Target
from tests.receiver.queues.broken import a_target, events_of, heal
from tests.servers.bullmq import bullmq
from tests.servers.process import until
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]
JOBS = 300
WORKER = {"concurrency": 5, "lockDuration": 2000, "stalledInterval": 600_000}
ENDS = ("completed", "failed")


async def heal_until(target: Target, done: asyncio.Event) -> int:
    """As if the alert came back all the time; how many jobs were put back."""
    moved = 0
    while not done.is_set():
        moved += (await heal(target)).counts["stuckJobs"]
        await asyncio.sleep(0.01)
    return moved


async def stories(url: str) -> dict[str, list[str]]:
    """What BullMQ's own events say of each job."""
    found: dict[str, list[str]] = defaultdict(list)
    for event in await events_of(url):
        if "jobId" in event and event["event"] in {"active", "stalled", *ENDS}:
            found[event["jobId"]].append(event["event"])
    return found


@pytest.mark.parametrize("major", [5, 6])
async def test_no_job_is_lost_none_is_run_beside_itself(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url, max_stalled=2)
        await jobs.call("email", "addBulk", [{"name": "n", "data": {"ms": 25}}] * JOBS)
        done, healers = asyncio.Event(), asyncio.TaskGroup()
        async with healers, AsyncExitStack() as workers:
            healing = [healers.create_task(heal_until(target, done)) for _ in range(2)]
            for _ in range(3):
                worker = await workers.enter_async_context(bullmq(server.url, major=major))
                await worker.work("email", **WORKER)
                await until(lambda: len(worker.runs) >= 20, "it works")  # noqa: B023 - waited for at once
                await worker.kill()
            await jobs.work("email", **WORKER)

            async def all_ended() -> bool:
                counts = await jobs.call("email", "getJobCounts", *ENDS)
                return bool(sum(counts.values()) == JOBS)

            await until(all_ended, "all have ended", deadline=60)
            done.set()
        told = await stories(server.url)
        assert len(told) == JOBS
        for job, story in told.items():
            turns = story.count("stalled")
            # begun, taken back, begun again, … and ended once: never begun twice without having been taken back
            assert story == ["active", "stalled"] * turns + ["active", "completed"], (job, story)
        moved = sum(task.result() for task in healing)
        assert moved == sum(story.count("stalled") for story in told.values()) > 0
