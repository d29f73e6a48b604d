"""PostgreSQL: what waits for the same commit shares it, and what is wrong fails alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from receiver.decide.episode import Kind
from receiver.decide.values import changed
from receiver.journal import Event, Ingested, Seen
from receiver.journal.postgres import PostgresJournal
from receiver.journal.postgres.writer import LOCK
from tests.receiver.builders import NOW, a_draft, a_seen, an_alert
from tests.receiver.journal.doing import exported, words
from tests.receiver.journal.places import PostgresPlace, execute

pytestmark = pytest.mark.server


@pytest.fixture
async def journal(by_hand: PostgresPlace) -> AsyncIterator[PostgresJournal]:
    async with by_hand.opened() as opened:
        yield opened


@asynccontextmanager
async def held(journal: PostgresJournal) -> AsyncIterator[None]:
    """Another receiver writes meanwhile, so that what is asked for lands in one commit."""
    other = await journal._server.connect()
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        yield
    await other.close()


BAD = Seen(changed(an_alert("bad"), labels={"not": object()}), a_draft("bad"))


async def all_of(*tasks: asyncio.Task[Ingested]) -> list[Ingested | BaseException]:
    return list(await asyncio.gather(*tasks, return_exceptions=True))


async def told(journal: PostgresJournal, *batches: list[Seen]) -> list[Ingested | BaseException]:
    async with held(journal):
        tasks = [asyncio.create_task(journal.ingest(batch, NOW)) for batch in batches]
        await asyncio.sleep(0.05)
    return await all_of(*tasks)


async def test_deliveries_that_wait_for_the_same_commit_are_one_transaction(
    journal: PostgresJournal,
) -> None:
    answers = await told(journal, *([a_seen(an_alert(f"f{n}"), key=f"k{n}")] for n in range(100)))
    assert all(isinstance(one, Ingested) and one.kinds == (Kind.NEW,) for one in answers)
    # a row's xmin is the transaction that wrote it
    (row,) = await execute(journal, "SELECT count(DISTINCT xmin::text), count(*) FROM event")
    assert row == (1, 200)


async def test_each_delivery_is_told_its_own(journal: PostgresJournal) -> None:
    first, again, joins = await told(
        journal,
        [a_seen(an_alert("a"))],
        [a_seen(an_alert("a")), a_seen(an_alert("b"), key="other")],
        [a_seen(an_alert("c"))],
    )
    assert first == Ingested((Kind.NEW,), (1,))
    assert again == Ingested((Kind.REPEAT, Kind.NEW), (2,))
    assert joins == Ingested((Kind.NEW,), ())


async def test_a_bad_delivery_fails_alone(journal: PostgresJournal) -> None:
    good, bad, fine = await told(
        journal, [a_seen(an_alert("a"))], [BAD], [a_seen(an_alert("b"), key="b")]
    )
    assert isinstance(good, Ingested)
    assert isinstance(bad, TypeError)
    assert isinstance(fine, Ingested)
    assert {row["fp"] for row in await exported(journal) if row["ev"] == "received"} == {"a", "b"}
    assert (await journal.verify()).bad is None


async def test_a_caller_that_gives_up_waiting_harms_nobody(journal: PostgresJournal) -> None:
    async with held(journal):
        impatient = asyncio.create_task(journal.ingest([a_seen(an_alert("a"))], NOW))
        patient = asyncio.create_task(journal.ingest([a_seen(an_alert("b"))], NOW))
        await asyncio.sleep(0.05)
        impatient.cancel()
    assert (await patient).kinds == (Kind.NEW,)
    assert {alert.fingerprint for alert in await journal.open_alerts()} == {"a", "b"}


async def test_a_request_that_fails_leaves_its_neighbours_and_the_chain_whole(
    journal: PostgresJournal,
) -> None:
    async with held(journal):
        tasks = [
            asyncio.create_task(journal.record([Event(word, data)], (), NOW))
            for word, data in (("a", {}), ("bad", {"incident": "no number"}), ("b", {}))
        ]
        await asyncio.sleep(0.05)
    first, second, third = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, third) == (None, None)
    assert isinstance(second, Exception)
    assert await words(journal) == ["a", "b"]
    assert (await journal.verify()).bad is None


@pytest.mark.parametrize("key", ["k" * 100_000, "a\0b", "\ud800", "Ä" * 3000])
async def test_a_key_of_any_length_and_spelling_is_one_incident(
    journal: PostgresJournal, key: str
) -> None:
    one, other = a_seen(an_alert("a"), key=key), a_seen(an_alert("b"), key=key)
    assert len((await journal.ingest([one], NOW)).opened) == 1
    assert (await journal.ingest([other], NOW)).opened == ()


async def test_more_than_a_chunk_keeps_its_order(journal: PostgresJournal) -> None:
    batch = [Seen(an_alert(f"f{n}"), a_draft(f"key-{n % 7}")) for n in range(2500)]
    done = await journal.ingest([*batch, *batch], NOW)
    assert done.kinds == (Kind.NEW,) * 2500 + (Kind.REPEAT,) * 2500
    assert done.opened == (1, 2, 3, 4, 5, 6, 7)
    received = [row["fp"] for row in await exported(journal) if row["ev"] == "received"]
    assert received == [f"f{n}" for n in range(2500)]
