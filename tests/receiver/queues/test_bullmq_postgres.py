"""BullMQ 6 with its jobs in PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from receiver.actions.base import ActionFailed
from tests.receiver.queues.broken import (
    a_target,
    crashing,
    heal,
    pause,
    until_stuck,
)
from tests.servers.bullmq import bullmq
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches BullMQ
LONG = {"ms": 600_000}
ABANDON = "UPDATE bullmq.job SET state = 'active', lock_token = 't', locked_until_ms = 1, processed_at_ms = 1"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as started:
        yield started


async def test_what_a_killed_worker_held_is_run_again_once(server: PostgresServer) -> None:
    url = server.url(server.database())
    target = a_target(url)
    async with crashing(url, LONG, prefix="bullmq"):
        pass
    await until_stuck(target, 1)
    assert (await heal(target, stuck_after="1h")).text == "email: nothing was stuck"
    async with bullmq(url, prefix="bullmq") as jobs:
        await jobs.work("email", drainDelay=60, stalledInterval=600_000)
        assert (await heal(target)).text == "email: 1 put back"
        await until(lambda: jobs.runs == [("email", "1")], "a worker that slept was woken")
        assert (await heal(target)).text == "email: nothing was stuck"


async def test_a_job_over_its_limit_is_failed_by_the_next_worker(server: PostgresServer) -> None:
    name = server.database()
    async with bullmq(server.url(name), prefix="bullmq") as jobs:
        await jobs.call("email", "add", "endless", LONG)
        server.sql(ABANDON, name)
        done = await heal(a_target(server.url(name), max_stalled=0))
        assert done.text == "email: 1 failed by the queue's own limit"
        await jobs.work("email")

        async def failed() -> bool:
            return bool(await jobs.call("email", "getFailedCount"))

        await until(failed, "it has failed")
        assert jobs.runs == []


async def test_a_job_whose_worker_lives_is_never_touched(server: PostgresServer) -> None:
    url = server.url(server.database())
    async with bullmq(url, prefix="bullmq") as jobs:
        await jobs.call("email", "add", "long", {"ms": 1500})
        await jobs.work("email", lockDuration=1000, stalledInterval=600_000)
        await until(lambda: bool(jobs.runs), "it has begun")
        while not await jobs.call("email", "getCompletedCount"):
            done = await heal(a_target(url, stuck_after="1ms"))
            assert done.counts["stuckJobs"] == 0
        assert len(jobs.runs) == 1


async def test_it_is_paused_and_resumed(server: PostgresServer) -> None:
    url = server.url(server.database())
    async with bullmq(url, prefix="bullmq") as jobs:
        target = a_target(url)
        await jobs.call("email", "add", "one", {})
        assert (await pause(target)).text == "paused email"
        assert (await pause(target)).text == "email was so already"
        await jobs.work("email", drainDelay=60)
        assert await jobs.call("email", "isPaused") is True
        assert (await pause(target, resume=True)).text == "resumed email"
        await until(lambda: bool(jobs.runs), "it runs")


async def test_the_grants_that_are_asked_for_are_enough(server: PostgresServer) -> None:
    name = server.database()
    url = server.url(name)
    server.sql("CREATE ROLE narrow LOGIN PASSWORD 'pw'")
    async with bullmq(url, prefix="bullmq") as jobs:
        await jobs.call("email", "add", "endless", LONG)
        server.sql(
            "GRANT USAGE ON SCHEMA bullmq TO narrow;"
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO narrow;"
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA bullmq TO narrow;" + ABANDON,
            name,
        )
        target = a_target(f"postgresql://narrow:pw@127.0.0.1:{server.port}/{name}")
        assert (await heal(target)).counts["requeued"] == 1
        assert (await pause(target)).text == "paused email"
        assert (await pause(target, resume=True)).text == "resumed email"


async def test_a_database_that_holds_no_bullmq_is_said(server: PostgresServer) -> None:
    target = a_target(server.url(server.database()))
    with pytest.raises(ActionFailed, match=r"bullmq\.job") as caught:
        await heal(target)
    assert not caught.value.started


async def test_a_server_that_hangs_is_given_up(server: PostgresServer) -> None:
    target = a_target(server.url(server.database()))
    server.hang()
    try:
        with pytest.raises(ActionFailed):
            await heal(target, timeout=0.5)
    finally:
        server.wake()
