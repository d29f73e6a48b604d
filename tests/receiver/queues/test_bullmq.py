"""Against real BullMQ 5 and 6: what a killed worker leaves is run again, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.receiver.queues.broken import (
    QUICK,
    a_target,
    crashing,
    events_of,
    heal,
    pause,
    stuck,
    told,
    until_stuck,
)
from tests.servers.bullmq import BullMq, bullmq
from tests.servers.process import until
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches BullMQ
both = pytest.mark.parametrize("major", [5, 6])
STATES = ("wait", "active", "completed", "failed", "paused", "prioritized", "delayed")
LONG = {"ms": 600_000}


async def counts(jobs: BullMq, queue: str = "email") -> dict[str, int]:
    found = await jobs.call(queue, "getJobCounts", *STATES)
    return {state: number for state, number in found.items() if number}


async def until_is(jobs: BullMq, wanted: dict[str, int], queue: str = "email") -> None:
    async def so() -> bool:
        return await counts(jobs, queue) == wanted

    await until(so, f"{queue} is {wanted}")


async def listed(url: str, kind: str) -> list[str]:
    return [one.decode() for one in await told(url, "LRANGE", f"bull:email:{kind}", 0, -1)]


@both
async def test_what_a_killed_worker_held_wakes_the_next_and_is_run_once_more(major: int) -> None:
    async with redis_server() as server:
        target = a_target(server.url)
        async with crashing(server.url, LONG, major=major):
            pass
        await until_stuck(target, 1)
        async with bullmq(server.url, major=major) as jobs:
            await jobs.work("email", drainDelay=60, stalledInterval=600_000)  # it sleeps
            done = await heal(target)
            assert (done.text, done.counts["stuckJobs"]) == ("email: 1 put back", 1)
            await until(lambda: bool(jobs.runs), "it was woken", deadline=20)
            assert (await heal(target)).text == "email: nothing was stuck"
            assert jobs.runs == [("email", "1")]


@both
async def test_it_waits_for_stuck_after_and_says_what_it_does_in_bullmqs_own_events(
    major: int,
) -> None:
    async with redis_server() as server:
        target = a_target(server.url)
        async with crashing(server.url, LONG, major=major):
            pass
        await until_stuck(target, 1)
        assert (await heal(target, stuck_after="1h")).text == "email: nothing was stuck"
        assert await listed(server.url, "active") == ["1"]
        await heal(target)
        assert (await events_of(server.url))[-2:] == [
            {"event": "waiting", "jobId": "1", "prev": "active"},
            {"event": "stalled", "jobId": "1"},
        ]
        again = await heal(target)
        assert (again.text, set(again.counts.values())) == ("email: nothing was stuck", {0})


@both
async def test_over_its_limit_the_next_worker_fails_it_and_tells_its_parent(major: int) -> None:
    """Why we mark it and let a worker fail it: only that knows the whole flow."""
    child = {"name": "child", "queueName": "email", "data": LONG, "opts": {"failParentOnFailure": True}}  # fmt: skip
    async with redis_server() as server:
        target = a_target(server.url, max_stalled=0)
        async with crashing(server.url, LONG, major=major) as doomed:
            await doomed.flow({"name": "parent", "queueName": "orders", "children": [child]})
            await doomed.work("email", **QUICK)
            await until(lambda: len(doomed.runs) == 2, "the child has begun")
        await until_stuck(target, 2)
        assert (await heal(target)).text == "email: 2 failed by the queue's own limit"
        async with bullmq(server.url, major=major) as jobs:
            await jobs.work("email")
            await jobs.work("orders")
            await until_is(jobs, {"failed": 1}, "orders")
            await until_is(jobs, {"failed": 2})
            assert jobs.runs == []


@both
async def test_a_job_whose_worker_lives_is_never_touched(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url, stuck_after="1ms")
        await jobs.call("email", "add", "long", {"ms": 1500})
        # renews its lock every half second, also on a busy machine
        await jobs.work("email", lockDuration=1000, stalledInterval=600_000)
        await until(lambda: bool(jobs.runs), "it has begun")
        while await counts(jobs) == {"active": 1}:
            assert (await heal(target)).counts["stuckJobs"] == 0
        assert await counts(jobs) == {"completed": 1}
        assert len(jobs.runs) == 1


@both
async def test_the_jobs_of_a_paused_queue_wait_until_it_is_resumed(major: int) -> None:
    async with redis_server() as server:
        target = a_target(server.url)
        async with crashing(server.url, LONG, major=major) as doomed:
            await doomed.call("email", "add", "second", LONG)
            await doomed.call("email", "pause")
        await until_stuck(target, 1)
        await heal(target)
        async with bullmq(server.url, major=major) as jobs:
            await jobs.work("email", concurrency=2)
            await jobs.call("email", "add", "late", {})
            assert jobs.runs == []
            await jobs.call("email", "resume")
            await until(lambda: len(jobs.runs) == 2, "two run")
            assert sum((await counts(jobs)).values()) == 3  # none is lost by BullMQ's own resume


@both
async def test_delayed_and_prioritized_jobs_stay_where_they_are(major: int) -> None:
    async with redis_server() as server:
        target = a_target(server.url)
        async with crashing(server.url, (LONG, {"priority": 3}), major=major) as doomed:
            await doomed.call("email", "add", "later", {}, {"delay": 600_000})
            await doomed.call("email", "add", "second", {}, {"priority": 1})
        await until_stuck(target, 1)
        await heal(target)
        assert await listed(server.url, "wait") == ["1"]  # before all priorities, as BullMQ does
        assert await told(server.url, "ZCARD", "bull:email:prioritized") == 1
        assert await told(server.url, "ZCARD", "bull:email:delayed") == 1


async def test_an_older_five_is_left_to_fail_its_own_jobs() -> None:
    async with redis_server() as server:
        target = a_target(server.url, max_stalled=0)
        async with crashing(server.url, LONG, major=5):
            pass
        await until_stuck(target, 1)
        await told(server.url, "HSET", "bull:email:meta", "version", "bullmq:5.53.1")
        done = await heal(target)
        assert (done.counts["left"], "before 5.53.2" in done.text) == (1, True)
        await told(server.url, "HDEL", "bull:email:meta", "version")
        assert "say it as queue.version" in (await heal(target)).text
        assert await listed(server.url, "active") == ["1"]
        known = a_target(server.url, max_stalled=0, version="6.7.0")
        assert (await heal(known)).counts["failed"] == 1


async def test_the_entry_of_a_job_that_is_gone_is_removed() -> None:
    async with redis_server() as server:
        target = a_target(server.url)
        await told(server.url, "LPUSH", "bull:email:active", "7")
        assert (await heal(target)).text == "email: 1 entries of jobs that are gone removed"
        assert await stuck(target) == 0


@both
async def test_pausing_stops_workers_and_resuming_lets_them_go_on(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "early", {})
        assert (await pause(target)).text == "paused email"
        assert (await pause(target)).text == "email was so already"
        assert await jobs.call("email", "isPaused") is True
        await jobs.call("email", "resume")  # what we pause BullMQ resumes,
        await jobs.call("email", "pause")  # and the other way round
        await jobs.call("email", "add", "late", {})
        await jobs.work("email", drainDelay=60)
        assert (await pause(target, resume=True)).text == "resumed email"
        await until(lambda: [run[1] for run in jobs.runs] == ["1", "2"], "both run in order")
        assert await jobs.call("email", "isPaused") is False
