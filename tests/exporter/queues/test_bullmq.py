"""Our figures of real BullMQ, 5 and 6, in Redis and in PostgreSQL, beside what BullMQ says itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
import redis.asyncio
from bullmq import Job, Worker

from exporter.collectors.base import Collected, World
from exporter.collectors.queues import Queues
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import JOBS, Minutes, counts, entry, reading
from tests.exporter.reading import samples, value
from tests.servers.bullmq import BullMq, bullmq
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches BullMQ

STATES = "waiting", "prioritized", "delayed", "active", "completed", "failed", "waiting-children"
AGE = "prunella_queue_oldest_job_age_seconds"


class Place:
    """Where one kind of BullMQ keeps its jobs, and processes that use it."""

    def __init__(self, url: str, major: int, prefix: str) -> None:
        self.url, self.major, self.prefix = url, major, prefix

    def run(self) -> AbstractAsyncContextManager[BullMq]:
        return bullmq(self.url, major=self.major, prefix=self.prefix)

    def reading(self, *queues: str) -> AbstractAsyncContextManager[Queues]:
        """Those queues, or those that are there when it begins."""
        keys = {"system": "bullmq", "url": self.url, "prefix": self.prefix}
        return reading(entry(**keys, queues=queues or "auto"))


@asynccontextmanager
async def in_redis(major: int) -> AsyncIterator[Place]:
    async with redis_server() as server:
        yield Place(server.url, major, "a[b]*")


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        server.sql("GRANT pg_monitor TO prunella")
        yield server


@pytest.fixture(params=["bullmq 5", "bullmq 6", "bullmq 6 in postgres"])
async def place(request: pytest.FixtureRequest, cluster: PostgresServer) -> AsyncIterator[Place]:
    if request.param.endswith("postgres"):
        yield Place(cluster.url(cluster.database()), 6, "Jobs")
    else:
        async with in_redis(int(request.param[-1])) as found:
            yield found


async def every_state(jobs: BullMq) -> None:
    """One or more jobs in each state of the queue `email`."""
    await jobs.call("email", "addBulk", [{"name": "j", "data": {}} for _ in range(3)])
    await jobs.call("email", "addBulk", [{"name": "j", "data": {"fail": True}} for _ in range(2)])
    await jobs.work("email", metrics={"maxDataPoints": 10})
    await until(lambda: len(jobs.runs) == 5, "all have been run")
    await jobs.rest()
    for number in range(4):
        await jobs.call("email", "add", "j", {}, {"lifo": number == 3})
    await jobs.call("email", "add", "j", {}, {"priority": 7})
    await jobs.call("email", "add", "j", {}, {"delay": 600_000})
    child = {"name": "c", "queueName": "letters", "data": {}}
    await jobs.flow({"name": "p", "queueName": "email", "data": {}, "children": [child]})


async def its_own_counts(jobs: BullMq, queue: str = "email") -> dict[str, float]:
    """Where BullMQ calls what waits in a paused queue paused (5, and 6 in PostgreSQL), it counts that apart."""
    said = await jobs.call(queue, "getJobCounts", *STATES, "paused")
    said["waiting"] += said.pop("paused", 0)
    return {state.replace("-", "_"): number for state, number in said.items()}


async def test_every_state_is_counted_as_bullmq_counts_it(place: Place) -> None:
    async with place.run() as jobs:
        await every_state(jobs)
        async with place.reading() as collector:
            found = await collect(collector)
            assert counts(found) == await its_own_counts(jobs)
            assert value(found, JOBS, queue="email", state="waiting") == 4
            for state in ("prioritized", "delayed", "waiting_children"):
                assert value(found, JOBS, queue="email", state=state) == 1
            assert value(found, "prunella_queue_completed_total", queue="email") == 3
            assert value(found, "prunella_queue_failed_total", queue="email") == 2
            assert value(found, "prunella_queue_paused", queue="email") == 0
            await jobs.call("email", "pause")
            paused = await collect(collector)
            assert counts(paused) == await its_own_counts(jobs)
            assert value(paused, "prunella_queue_paused", queue="email") == 1
            assert value(paused, JOBS, queue="email", state="waiting") == 4
    assert found.problems == paused.problems == ()


async def test_a_dead_workers_job_is_stalled_and_a_live_ones_is_not(place: Place) -> None:
    async with place.run() as jobs, place.reading("email") as collector:
        await jobs.call("email", "add", "j", {"ms": 600_000})
        async with place.run() as workers:
            await workers.work("email", lockDuration=800, name="mine")
            await until(lambda: len(workers.runs) == 1, "it has begun")
            alive = await collect(collector)
            assert value(alive, "prunella_queue_workers", queue="email") == 1
            assert value(alive, "prunella_queue_stalled_jobs", queue="email") == 0
            assert await jobs.call("email", "getWorkersCount") == 1

        async def stalled() -> bool:
            found = await collect(collector)
            return value(found, "prunella_queue_stalled_jobs", queue="email") == 1

        await until(stalled, "its lock has ended")
        dead = await collect(collector)
    assert value(dead, "prunella_queue_workers", queue="email") == 0
    assert value(dead, JOBS, queue="email", state="active") == 1
    assert (value(dead, AGE, queue="email", state="active") or 0) > 0


async def test_ages_are_since_when_a_job_could_be_worked_on(place: Place) -> None:
    long_ago, now = 1_000_000_000_000, asyncio.get_running_loop().time
    queues = "delayed", "lifo", "planned"
    async with place.run() as jobs, place.reading(*queues) as collector:
        began = now()
        await jobs.call("delayed", "add", "j", {}, {"delay": 300})
        await jobs.call("lifo", "add", "old", {}, {"timestamp": long_ago})
        await jobs.call("lifo", "add", "new", {}, {"lifo": True})
        await jobs.call("planned", "add", "j", {}, {"delay": 600_000})
        await asyncio.sleep(0.4)
        found = await collect(collector)
        passed = now() - began
    due = value(found, AGE, queue="delayed", state="delayed")
    assert due is not None
    assert 0.05 < due < passed - 0.3 + 0.1
    assert (value(found, AGE, queue="lifo", state="waiting") or 0) > 700_000_000
    assert value(found, AGE, queue="planned", state="delayed") == 0
    assert value(found, AGE, queue="planned", state="waiting") == 0


async def test_a_queue_that_is_gone_vanishes_with_the_next_search_and_returns(place: Place) -> None:
    clock = Minutes()
    made = entry(system="bullmq", url=place.url, prefix=place.prefix)
    collector = Queues([made], World(service="shop", clock=clock))
    async with place.run() as jobs, AsyncExitStack() as undo:
        for queue in ("email", "other"):
            await jobs.call(queue, "add", "j", {})
        undo.push_async_callback(collector.stop)
        await collector.start()
        assert queues_in(await collect(collector)) == {"email", "other"}
        await jobs.call("email", "obliterate", {"force": True})
        await clock.pass_one()
        assert queues_in(await collect(collector)) == {"other"}
        await jobs.call("email", "add", "j", {})
        await jobs.call("email", "resume")  # what a producer that is started anew writes, too
        await clock.pass_one()
        assert queues_in(await collect(collector)) == {"email", "other"}


def queues_in(found: Collected) -> set[str]:
    return {sample.labels["queue"] for sample in samples(found, JOBS)}


async def test_a_system_that_does_not_count_has_no_counters(place: Place) -> None:
    async with place.run() as jobs, place.reading("email") as collector:
        await jobs.call("email", "add", "j", {})
        found = await collect(collector)
    assert samples(found, "prunella_queue_completed_total") == []
    assert samples(found, "prunella_queue_failed_total") == []


@pytest.mark.parametrize("major", [5, 6])
async def test_a_scrape_is_two_round_trips_and_never_a_search(major: int) -> None:
    async with in_redis(major) as place, place.run() as jobs, place.reading("email") as collector:
        await every_state(jobs)
        await collect(collector)
        async with redis.asyncio.Redis.from_url(place.url) as client:
            await client.config_resetstat()
            await collect(collector)
            commands = await client.info("commandstats")
    assert not {"cmdstat_scan", "cmdstat_keys", "cmdstat_eval"} & commands.keys()
    assert commands["cmdstat_llen"]["calls"] == 3


async def test_a_key_of_another_kind_costs_its_queue_only_what_it_said() -> None:
    async with in_redis(6) as place, place.run() as jobs:
        await jobs.call("email", "add", "j", {})
        async with redis.asyncio.Redis.from_url(place.url) as client:
            await client.set(f"{place.prefix}:email:active", "not a list")
            await client.hset(f"{place.prefix}:bad:name:meta", "a", "b")
            await client.hset(f"{place.prefix}:email:metrics:completed", "count", "inf")
            await client.hset(
                f"{place.prefix}:email:1",
                mapping={"timestamp": "nan", "opts": '["delay"', "processedOn": "yesterday"},
            )
        async with place.reading() as collector:
            found = await collect(collector)
    assert value(found, JOBS, queue="email", state="waiting") == 1
    assert value(found, JOBS, queue="email", state="active") == 0
    assert found.problems == ()
    assert {s.labels["queue"] for s in samples(found, JOBS)} == {"email"}


async def test_a_worker_in_python_is_a_worker_and_so_is_one_with_a_name() -> None:
    async with (
        in_redis(6) as place,
        place.reading("email") as collector,
        AsyncExitStack() as at_work,
    ):
        for options in ({}, {"name": "mine"}):
            keys = {"connection": place.url, "prefix": place.prefix}
            worker = Worker("email", _nothing, {**keys, **options})
            at_work.push_async_callback(worker.close, True)

        async def both() -> bool:
            found = await collect(collector)
            return value(found, "prunella_queue_workers", queue="email") == 2

        await until(both, "both have told Redis their names")


async def _nothing(job: Job, token: str) -> None:
    """There is no job."""
