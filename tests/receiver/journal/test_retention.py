"""What is old goes and what is needed stays, and the chain of what is left holds; on every engine."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Chain, Event, Journal, Move, Page, Seen
from receiver.journal.chain import broken_link
from tests.receiver.builders import NOW, a_letter, a_question, a_resolve, a_seen, an_alert
from tests.receiver.journal.doing import (
    acted,
    asked,
    at_the_gate,
    exported,
    facts_of,
    fires,
    opened,
    taken,
    words,
)
from tests.receiver.journal.places import Place, PostgresPlace, execute

DAY = 86400.0
OLD = NOW - 91 * DAY
LIMIT = NOW - 90 * DAY


async def tidied(journal: Journal, before: float = LIMIT, most: int = 300) -> int:
    """Everything that is older went; how many rows."""
    total = 0
    while gone := await journal.prune(before, most, NOW):
        total += gone
    return total


async def ended(journal: Journal, fingerprint: str = "f1", now: float = OLD) -> int:
    """An incident that is over, with what belongs to one."""
    number = await fires(journal, fingerprint, now=now)
    claims = await journal.claim("us", now, 15.0, 100)
    (claim,) = (one for one in claims if one.incident.id == number)
    after = claim.incident.moved(State.RESOLVED, Reason.RESOLVED, now)
    letters = (a_letter("resolved", incident=number),)
    event = Event("resolved", {"incident": number})
    await journal.move(claim, Move(after, (event,), letters, closes_episodes=True), now)
    (posting,) = await journal.postings("ops", now, 1)
    await journal.posted(posting, Event("notified", {"incident": number}), now, "said")
    return number


async def count(journal: Journal, table: str) -> int:
    ((rows,),) = await execute(journal, f"SELECT count(*) FROM {table}")  # noqa: S608 - a name of ours
    return int(rows)


async def test_an_old_incident_goes_with_all_that_belongs_to_it(journal: Journal) -> None:
    number = await ended(journal)
    assert await tidied(journal) > 0
    assert await journal.incident(number) is None
    for table in ("episode", "alert", "incident", "run", "outbox", "thread"):
        assert await count(journal, table) == 0
    assert await words(journal) == ["pruned"]


async def test_a_younger_one_stays_as_it_is(journal: Journal) -> None:
    await ended(journal, now=LIMIT + 1)
    before = await exported(journal)
    assert await tidied(journal) == 0
    assert await exported(journal) == before
    assert [await count(journal, one) for one in ("episode", "alert", "outbox")] == [1, 1, 1]


async def test_what_is_open_stays_however_old_it_is(journal: Journal) -> None:
    number = await fires(journal, now=OLD)
    await journal.ingest([a_seen(an_alert("f2", starts_at=OLD - 60), key="key-f1")], OLD)
    await journal.ingest([Seen(a_resolve("f2", ends_at=OLD + 5), None)], OLD + 5)
    await tidied(journal)
    assert await journal.incident(number) is not None
    assert len(await journal.alerts(number)) == 2
    assert len(await journal.open_alerts()) == 1


async def test_the_runs_of_an_incident_go_with_it(journal: Journal) -> None:
    await acted(journal, "f1", target="api", now=OLD)
    claim = await taken(journal, OLD + 2e6)
    over = changed(claim.incident, state=State.RESOLVED, resolved_at=OLD + 60)
    await journal.move(claim, Move(over, closes_episodes=True), OLD + 60)
    assert await count(journal, "run") == 1
    await tidied(journal)
    assert (await count(journal, "run"), await journal.incidents(Page())) == (0, ())


async def test_i2_a_run_without_an_end_keeps_its_target_and_its_incident(journal: Journal) -> None:
    claim = await at_the_gate(journal, now=OLD)
    await asked(journal, claim, a_question(OLD))
    over = changed(claim.incident, state=State.RESOLVED, resolved_at=OLD)
    await journal.move(claim, Move(over, closes_episodes=True), OLD)
    await tidied(journal)
    assert await journal.open_run(claim.incident.id) is not None


async def test_an_alert_that_still_fires_is_remembered_with_its_old_episodes_gone(
    journal: Journal,
) -> None:
    await ended(journal)
    await fires(journal, "f1", now=NOW)
    await tidied(journal)
    assert (await count(journal, "alert"), await count(journal, "episode")) == (1, 1)
    assert len(await journal.open_alerts()) == 1


async def test_letters_that_were_not_taken_yet_stay(journal: Journal) -> None:
    await journal.record([], [a_letter("opened")], OLD)
    await tidied(journal)
    assert (await journal.backlog())["ops"].pending == 1


async def test_what_was_told_of_an_open_incident_is_not_forgotten(journal: Journal) -> None:
    number = await fires(journal, now=OLD)
    await journal.record([], [a_letter("opened", incident=number)], OLD)
    (posting,) = await journal.postings("ops", OLD, 1)
    await journal.posted(posting, Event("notified", {}), OLD)
    await tidied(journal)
    await journal.record([], [a_letter("opened", incident=number)], NOW)
    assert await journal.postings("ops", NOW, 9) == ()


async def test_what_could_not_be_read_goes_too(journal: Journal) -> None:
    await journal.quarantine("am", "no labels", "{}", OLD)
    await journal.quarantine("am", "no labels", "{}", NOW)
    await tidied(journal)
    assert await count(journal, "quarantine") == 1


async def test_a_batch_takes_so_many_of_a_kind_and_no_more(journal: Journal) -> None:
    for number in range(5):
        await ended(journal, f"f{number}")
    await journal.prune(LIMIT, 2, NOW)
    assert await count(journal, "incident") >= 3
    assert await count(journal, "episode") == 3
    await tidied(journal, most=2)
    assert [await count(journal, one) for one in ("incident", "event")] == [0, 1]


async def with_history(journal: Journal, old: int = 7, young: int = 3) -> None:
    for at, rows in ((OLD, old), (NOW, young)):
        await journal.record([Event("acted", {"n": n}) for n in range(rows)], (), at)


async def test_i6_the_chain_of_what_is_left_holds(place: Place) -> None:
    async with place.opened() as journal:
        await with_history(journal)
        await tidied(journal)
        assert [row["seq"] for row in await exported(journal)] == [8, 9, 10, 11]
        assert await journal.verify() == Chain(4)
    async with place.opened() as journal:
        await journal.record([Event("later", {})], (), NOW)
        assert await journal.verify() == Chain(5)


async def test_i6_somebody_else_can_verify_what_is_left(journal: Journal) -> None:
    await with_history(journal)
    await tidied(journal)
    lines = [line async for line in journal.export()]
    assert broken_link(lines) == (4, None)
    assert broken_link(lines[1:]) == (0, "row 1 is missing")
    assert broken_link([lines[0], *lines[2:]]) == (1, "row 9 is missing")


async def test_i6_rows_that_nobody_says_were_old_were_stolen(journal: Journal) -> None:
    await with_history(journal)
    await tidied(journal)
    lines = [line async for line in journal.export()]
    assert broken_link(lines[:-1]) == (3, "rows up to 7 were taken away, and no row says so")


@pytest.mark.parametrize(
    "theft",
    [
        ("UPDATE anchor SET seq = 8, hash = (SELECT hash FROM event WHERE seq = 8)",),
        ("DELETE FROM event WHERE seq = 8",),
        ("DELETE FROM event WHERE seq = 11",),
        ("UPDATE anchor SET seq = 0",),
    ],
)
async def test_i6_moving_the_anchor_does_not_hide_a_theft(
    place: Place, theft: tuple[str, ...]
) -> None:
    async with place.opened() as journal:
        await with_history(journal)
        await tidied(journal)
    await place.tamper(*theft)
    async with place.opened() as journal:
        assert (await journal.verify()).bad is not None


async def test_i6_the_program_can_take_away_only_what_the_anchor_has_passed(
    journal: Journal,
) -> None:
    await with_history(journal)
    await tidied(journal)
    with pytest.raises(Exception, match="append-only"):
        await execute(journal, "DELETE FROM event WHERE seq = 8")
    with pytest.raises(Exception, match="append-only"):
        await execute(journal, "UPDATE event SET ev = 'x' WHERE seq = 8")
    assert await journal.verify() == Chain(4)


async def test_i6_a_chain_whose_rows_are_just_going_is_whole(journal: Journal) -> None:
    await with_history(journal)
    await journal.prune(LIMIT, 3, NOW)  # the anchor has moved
    await journal.prune(LIMIT, 3, NOW)  # and three rows of seven are gone
    assert await count(journal, "event") == 8
    assert await journal.verify() == Chain(4)
    assert broken_link([line async for line in journal.export()]) == (4, None)


async def test_what_is_pruned_again_and_again_stays_verifiable(journal: Journal) -> None:
    await with_history(journal)
    for day in range(1, 4):
        await journal.record([Event("later", {})], (), NOW + day)
        await tidied(journal, NOW + day)
    assert (await journal.verify()).bad is None
    assert broken_link([line async for line in journal.export()])[1] is None


async def test_an_incidents_own_export_has_no_anchor(journal: Journal) -> None:
    await with_history(journal)
    await tidied(journal)
    await journal.record([Event("acted", {"incident": 4})], (), NOW)
    (row,) = await exported(journal, 4)
    assert "prev" not in row


async def test_the_guards_still_know_what_they_need(journal: Journal) -> None:
    await acted(journal, "f1", target="api", now=LIMIT + 5)
    await tidied(journal)
    claim = await at_the_gate(journal, "f2", now=LIMIT + 60)
    facts = await facts_of(journal, claim, a_question(LIMIT + 60))
    assert (facts.target_runs, facts.ladder_acted_at) == ((LIMIT + 5,), LIMIT + 5)


async def test_a_moment_is_given_once(journal: Journal) -> None:
    answers = await asyncio.gather(*(journal.tick("retention", NOW) for _ in range(3)))
    assert sorted(answers) == [False, False, True]
    assert await journal.tick("retention", NOW + 3600)
    assert await journal.tick("another", NOW)


@pytest.mark.server
async def test_a_moment_is_given_to_one_receiver(by_hand: PostgresPlace) -> None:
    async with by_hand.opened() as one, by_hand.opened() as other:
        answers = await asyncio.gather(one.tick("retention", NOW), other.tick("retention", NOW))
        assert sorted(answers) == [False, True]


async def test_a_moment_that_was_given_stays_given(place: Place) -> None:
    async with place.opened() as journal:
        assert await journal.tick("retention", NOW)
    async with place.opened() as journal:
        assert not await journal.tick("retention", NOW)


def size(file: Path) -> int:
    return file.stat().st_size


async def filled(file: Path) -> None:
    """A journal that has much to forget."""
    async with opened(file) as journal:
        rows = [Event("acted", {"n": n, "text": "x" * 900}) for n in range(3000)]
        await journal.record(rows, (), OLD)


async def test_the_file_shrinks_when_what_was_old_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    await filled(file)
    before = size(file)
    async with opened(file) as journal:
        await tidied(journal)
        while await journal.compact():
            pass
        assert await journal.verify() == Chain(1)
    assert size(file) < before / 5


async def test_compacting_gives_back_a_little_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    await filled(file)
    async with opened(file) as journal:
        await tidied(journal)
        ((free,),) = await execute(journal, "PRAGMA freelist_count")
        assert await journal.compact() == 256
        assert await execute(journal, "PRAGMA freelist_count") == [(free - 256,)]


async def test_an_old_file_that_could_not_shrink_is_made_anew(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    await filled(file)
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA auto_vacuum=NONE")
        db.execute("VACUUM")
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    async with opened(file) as journal:
        assert (await journal.verify()).rows == 3000
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
