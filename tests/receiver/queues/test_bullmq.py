"""Against real BullMQ 5 and 6: what a killed worker leaves is run again, and nothing else is touched."""

from __future__ import annotations

import pytest

from tests.receiver.queues.broken import (
    QUICK,
    a_target,
    dead_worker,
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


@both
async def test_what_a_killed_worker_held_is_run_again_once(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        done = await heal(target)
        assert done.text == "email: 1 put back"
        assert done.counts["stuckJobs"] == 1
        await jobs.call("email", "add", "next", {})
        await jobs.work("email", concurrency=2)
        await until(lambda: len(jobs.runs) == 2, "both have begun")
        assert jobs.runs == [("email", "1"), ("email", "2")]  # it is the first again


@both
async def test_a_second_heal_finds_nothing(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await heal(target)
        again = await heal(target)
        assert (again.text, set(again.counts.values())) == ("email: nothing was stuck", {0})
        assert await counts(jobs) == {"wait": 1}


@both
async def test_a_worker_that_sleeps_in_the_reading_of_its_queue_is_woken(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await jobs.work("email", drainDelay=60, stalledInterval=600_000)
        await heal(target)
        await until(lambda: jobs.runs == [("email", "1")], "it was woken", deadline=5)


@both
async def test_a_job_over_its_limit_is_failed_by_the_next_worker_and_not_run(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url, max_stalled=0)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        done = await heal(target)
        assert done.text == "email: 1 failed by the queue's own limit"
        await jobs.work("email")
        await until_is(jobs, {"failed": 1})
        assert jobs.runs == []


@both
async def test_a_parent_hears_of_the_failure_of_its_child(major: int) -> None:
    """Why we mark it and let a worker fail it: only that knows the whole flow."""
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url, max_stalled=0, version=f"{major}.99.0")
        child = {"name": "child", "queueName": "email", "data": LONG, "opts": {"failParentOnFailure": True}}  # fmt: skip
        await jobs.flow({"name": "parent", "queueName": "orders", "children": [child]})
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await heal(target)
        await jobs.work("email")
        await jobs.work("orders")
        await until_is(jobs, {"failed": 1}, "orders")
        assert jobs.runs == []


@both
async def test_a_job_whose_worker_lives_is_never_touched(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url, stuck_after="1ms")
        await jobs.call("email", "add", "long", {"ms": 1500})
        await jobs.work("email", **QUICK)  # renews a lock of 200 ms all the time
        await until(lambda: bool(jobs.runs), "it has begun")
        while await counts(jobs) == {"active": 1}:
            assert (await heal(target)).counts["stuckJobs"] == 0
        assert await counts(jobs) == {"completed": 1}
        assert len(jobs.runs) == 1


@both
async def test_what_is_not_stuck_for_long_enough_is_left(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        assert (await heal(target, stuck_after="1h")).text == "email: nothing was stuck"
        assert await counts(jobs) == {"active": 1}


@both
async def test_the_jobs_of_a_paused_queue_wait_until_it_is_resumed(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "addBulk", [{"name": "n", "data": LONG}] * 2)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await jobs.call("email", "pause")
        await heal(target)
        await jobs.work("email", concurrency=2)
        await jobs.call("email", "add", "late", {})
        assert jobs.runs == []
        await jobs.call("email", "resume")
        await until(lambda: len(jobs.runs) == 2, "both run")
        assert sum((await counts(jobs)).values()) == 3  # none is lost by BullMQ's own resume


@both
async def test_delayed_and_prioritized_jobs_stay_where_they_are(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG, {"priority": 3})
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await jobs.call("email", "add", "later", {}, {"delay": 600_000})
        await jobs.call("email", "add", "second", {}, {"priority": 1})
        await heal(target)
        assert await counts(jobs) == {"wait": 1, "prioritized": 1, "delayed": 1}
        await jobs.work("email", concurrency=2)
        await until(lambda: jobs.runs == [("email", "1"), ("email", "3")], "as BullMQ would")


@both
async def test_it_says_so_in_bullmqs_own_events(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await heal(target)
        assert (await events_of(server.url))[-2:] == [
            {"event": "waiting", "jobId": "1", "prev": "active"},
            {"event": "stalled", "jobId": "1"},
        ]


async def test_a_queue_that_does_not_say_its_version_is_left_what_depends_on_it() -> None:
    """A FlowProducer alone does not write it."""
    async with redis_server() as server, bullmq(server.url) as jobs:
        target = a_target(server.url, max_stalled=0)
        await jobs.flow({"name": "only", "queueName": "email", "data": LONG})
        async with dead_worker(server.url, jobs, 1):
            await until_stuck(target, 1)
        assert "say it as queue.version" in (await heal(target)).text
        assert await stuck(target) == 1


async def test_an_older_five_is_left_to_fail_its_own_jobs() -> None:
    async with redis_server() as server, bullmq(server.url, major=5) as jobs:
        target = a_target(server.url, max_stalled=0)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=5):
            await until_stuck(target, 1)
        await told(server.url, "HSET", "bull:email:meta", "version", "bullmq:5.53.1")
        done = await heal(target)
        assert done.counts["left"] == 1
        assert "before 5.53.2" in done.text
        assert await counts(jobs) == {"active": 1}


@both
async def test_the_entry_of_a_job_that_is_gone_is_removed(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "endless", LONG)
        async with dead_worker(server.url, jobs, 1, major=major):
            await until_stuck(target, 1)
        await told(server.url, "DEL", "bull:email:1")
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
        await jobs.call("email", "add", "late", {})
        await jobs.work("email", drainDelay=60)
        assert (await pause(target, resume=True)).text == "resumed email"
        await until(lambda: [run[1] for run in jobs.runs] == ["1", "2"], "both run in order")
        assert await jobs.call("email", "isPaused") is False


@both
async def test_what_we_pause_bullmq_resumes_and_the_other_way_round(major: int) -> None:
    async with redis_server() as server, bullmq(server.url, major=major) as jobs:
        target = a_target(server.url)
        await jobs.call("email", "add", "early", {})
        await pause(target)
        await jobs.call("email", "resume")
        await jobs.call("email", "pause")
        await jobs.call("email", "add", "late", {})
        await pause(target, resume=True)
        assert await counts(jobs) == {"wait": 2}


async def until_is(jobs: BullMq, wanted: dict[str, int], queue: str = "email") -> None:
    async def so() -> bool:
        return await counts(jobs, queue) == wanted

    await until(so, f"{queue} is {wanted}")
