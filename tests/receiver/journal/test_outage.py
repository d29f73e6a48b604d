"""PostgreSQL is killed, hangs, comes back: nothing acknowledged is lost, and everybody goes on by himself."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from functools import partial

import pytest

from prunella.service.clock import SystemClock
from receiver.journal import Event, JournalUnavailable, Page, Seen
from receiver.journal.postgres import PATIENCE, PostgresJournal, open_journal
from receiver.journal.postgres.writer import LOCK
from tests.receiver.builders import NOW, a_draft, a_seen, an_alert
from tests.receiver.journal.doing import exported, fires, taken, words
from tests.receiver.journal.places import PostgresPlace, execute
from tests.servers.postgres import ENCODED, PASSWORD, PostgresServer, postgres_server
from tests.servers.process import until

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def durable() -> Iterator[PostgresServer]:
    """A server of our own to kill, which syncs as it would for anybody."""
    with postgres_server(fsync=True) as server:
        yield server


@pytest.fixture
async def shaky(durable: PostgresServer) -> AsyncIterator[PostgresJournal]:
    place = PostgresPlace(durable, durable.database())
    async with place.opened() as journal:
        yield journal
        durable.wake()


def more_than(told: list[str], enough: int) -> bool:
    return len(told) > enough


async def works(journal: PostgresJournal) -> bool:
    try:
        await journal.record([Event("back", {})], (), NOW)
        await journal.incidents(Page())
    except JournalUnavailable:
        return False
    return True


async def test_while_it_is_gone_everything_says_so_and_then_goes_on(
    durable: PostgresServer, shaky: PostgresJournal
) -> None:
    await fires(shaky, now=shaky.clock.now())
    claim = await taken(shaky, shaky.clock.now())
    durable.kill()
    for call in (
        shaky.ingest([a_seen()], NOW),
        shaky.claim("us", NOW, 15.0, 9),
        shaky.renew([claim], NOW),
        shaky.open_run(1),
        shaky.postings("ops", NOW, 9),
        shaky.verify(),
    ):
        with pytest.raises(JournalUnavailable) as caught:
            await call
        assert PASSWORD not in str(caught.value)
        assert ENCODED not in str(caught.value)
    durable.begin()
    await until(lambda: works(shaky), "it goes on", deadline=10.0)
    assert await shaky.renew([claim], shaky.clock.now() + 15) == {claim.incident.id}
    assert (await shaky.verify()).bad is None


@pytest.mark.timeout(120)
async def test_i7_what_was_acknowledged_before_a_kill_is_there_after_it(
    durable: PostgresServer, shaky: PostgresJournal
) -> None:
    told: list[str] = []

    async def tell(lane: int) -> None:
        for number in itertools.count():
            name = f"{lane}.{number}"
            try:
                await shaky.ingest([Seen(an_alert(name), a_draft(name))], NOW)
            except JournalUnavailable:
                await asyncio.sleep(0.05)
            else:
                told.append(name)

    lanes = [asyncio.create_task(tell(lane)) for lane in range(8)]
    for enough in (150, 300, 450):
        await until(partial(more_than, told, enough), "more is told", deadline=20.0)
        durable.kill()
        durable.begin()
    for lane in lanes:
        lane.cancel()
    await until(lambda: works(shaky), "it goes on", deadline=10.0)
    kept = {row["fp"] for row in await exported(shaky) if row["ev"] == "received"}
    assert len(told) > 450
    assert set(told) <= kept
    assert (await shaky.verify()).bad is None


async def test_i14_a_heartbeat_that_hangs_is_given_up_in_time(
    durable: PostgresServer, shaky: PostgresJournal
) -> None:
    await fires(shaky, now=shaky.clock.now())
    claim = await taken(shaky, shaky.clock.now())
    durable.hang()
    began = time.monotonic()
    with pytest.raises(JournalUnavailable, match="heartbeat"):
        await shaky.renew([claim], shaky.clock.now() + 15)
    assert time.monotonic() - began < PATIENCE + 1.0
    durable.wake()
    await until(lambda: works(shaky), "it goes on", deadline=20.0)


async def test_a_receiver_that_was_stopped_in_a_transaction_does_not_stop_the_others(
    durable: PostgresServer, shaky: PostgresJournal
) -> None:
    stopped = await shaky._server.connect()
    await stopped.execute("BEGIN")
    await stopped.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await asyncio.wait_for(shaky.record([Event("went on", {})], (), NOW), 8.0)
    assert await words(shaky) == ["went on"]
    assert stopped.is_closed()


async def test_a_journal_of_a_newer_program_is_left_alone(shaky: PostgresJournal) -> None:
    await execute(shaky, "INSERT INTO migration SELECT max(number) + 1 FROM migration")
    with pytest.raises(JournalUnavailable, match="run the newer program"):
        await open_journal(shaky._server.url, SystemClock())


async def test_the_session_is_as_durable_as_promised(
    durable: PostgresServer, shaky: PostgresJournal
) -> None:
    database = shaky._server.url.rpartition("/")[2]
    durable.sql(f"ALTER DATABASE {database} SET synchronous_commit = off")
    async with PostgresPlace(durable, database).opened() as journal:
        for setting in ("synchronous_commit", "fsync", "full_page_writes"):
            assert await execute(journal, f"SHOW {setting}") == [("on",)]


async def test_what_is_asked_of_a_closed_journal_is_refused_at_once(
    durable: PostgresServer,
) -> None:
    async with PostgresPlace(durable, durable.database()).opened() as journal:
        pass
    with pytest.raises(JournalUnavailable, match="closed"):
        await fires(journal)
    with pytest.raises(JournalUnavailable, match="closed"):
        await journal.incident(1)
    await journal.close()


async def test_closing_finishes_what_was_asked_for(durable: PostgresServer) -> None:
    place = PostgresPlace(durable, durable.database())
    async with place.opened() as journal:
        asked = [
            asyncio.create_task(journal.record([Event(str(n), {})], (), NOW)) for n in range(50)
        ]
        told = [
            asyncio.create_task(journal.ingest([a_seen(an_alert(str(n)))], NOW)) for n in range(9)
        ]
        await asyncio.sleep(0)
    await asyncio.gather(*asked, *told)
    async with place.opened() as again:
        assert len(await exported(again)) == 50 + 9 + 1


async def test_a_closing_while_the_server_hangs_comes_to_an_end_for_all_who_wait(
    durable: PostgresServer,
) -> None:
    place = PostgresPlace(durable, durable.database())
    async with place.opened() as journal:
        await journal.incident(1)
        durable.hang()
        waiting = [
            asyncio.create_task(journal.record([Event("x", {})], (), NOW)),
            asyncio.create_task(journal.ingest([a_seen()], NOW)),
        ]
        began = time.monotonic()
    durable.wake()
    assert time.monotonic() - began < PATIENCE + 1.0
    said = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 1.0)
    assert [type(one) for one in said] == [JournalUnavailable, JournalUnavailable]
