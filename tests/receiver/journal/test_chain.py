from __future__ import annotations

import asyncio
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.journal import Chain, Event, Journal
from receiver.journal.chain import GENESIS, chained, line, link
from receiver.journal.spelling import canonical
from receiver.journal.sqlite import SqliteJournal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import exported
from tests.receiver.journal.places import Place, execute

EVENTS = tuple(Event("acted", {"incident": number % 3, "n": number}) for number in range(1, 11))


async def written(place: Place) -> None:
    async with place.opened() as journal:
        await journal.record(EVENTS, (), NOW)


async def verdict(place: Place) -> Chain:
    async with place.opened() as journal:
        return await journal.verify()


async def test_an_empty_journal_is_whole(journal: Journal) -> None:
    assert await journal.verify() == Chain(0)
    assert await exported(journal) == []


async def test_i6_an_untouched_journal_is_whole(place: Place) -> None:
    await written(place)
    assert await verdict(place) == Chain(10)


@pytest.mark.parametrize(
    "change",
    [
        """UPDATE event SET data = '{"incident":1,"n":99}' WHERE seq = 4""",
        "UPDATE event SET ev = 'healed' WHERE seq = 4",
        "UPDATE event SET t = t + 1 WHERE seq = 4",
        "UPDATE event SET hash = 'x' WHERE seq = 4",
        "UPDATE event SET data = data || ' ' WHERE seq = 4",
        "UPDATE event SET incident = 2 WHERE seq = 4",
    ],
)
async def test_i6_a_changed_row_is_found_and_named(place: Place, change: str) -> None:
    await written(place)
    await place.tamper(change)
    assert await verdict(place) == Chain(4, 4, "row 4 was changed")


@pytest.mark.parametrize("seq", [1, 5, 9])
async def test_i6_a_row_taken_out_is_found_and_named(place: Place, seq: int) -> None:
    await written(place)
    await place.tamper("DELETE FROM event WHERE seq = " + str(seq))  # noqa: S608 - a number of ours
    assert await verdict(place) == Chain(seq - 1, seq, f"row {seq} is missing")


async def test_i6_closing_the_gap_does_not_hide_it(place: Place) -> None:
    await written(place)
    await place.tamper("DELETE FROM event WHERE seq = 5", "UPDATE event SET seq = 5 WHERE seq = 6")
    assert (await verdict(place)).bad == 5


async def test_i6_a_row_with_a_hash_made_to_fit_breaks_the_next(place: Place) -> None:
    await written(place)
    async with place.opened() as journal:
        before, row = (await exported(journal))[2:4]
    data = canonical({"incident": row["incident"], "n": 99})
    forged = link(before["hash"], 4, row["t"], row["ev"], data)
    await place.tamper(f"UPDATE event SET data = '{data}', hash = '{forged}' WHERE seq = 4")  # noqa: S608 - the test wrote it
    assert await verdict(place) == Chain(5, 5, "row 5 was changed")


async def test_i6_a_row_slipped_in_is_found(place: Place) -> None:
    await written(place)
    await place.tamper("INSERT INTO event VALUES (0, 1.0, 'forged', NULL, '{}', 'x')")
    assert (await verdict(place)).bad == 1


async def test_i6_a_tail_cut_off_is_found(place: Place) -> None:
    await written(place)
    await place.tamper("DELETE FROM event WHERE seq > 8")
    assert await verdict(place) == Chain(8, 9, "row 9 is missing")


async def test_i6_what_is_written_after_a_cut_does_not_hide_it(place: Place) -> None:
    await written(place)
    await place.tamper("DELETE FROM event WHERE seq > 8")
    async with place.opened() as journal:
        await journal.record([Event("later", {})], (), NOW)
    assert (await verdict(place)).bad == 9


async def test_verifying_and_other_reading_do_not_wait_for_each_other(
    in_file: SqliteJournal,
) -> None:
    journal = in_file
    await journal.record(EVENTS, (), NOW)
    verified = threading.Event()
    reading = asyncio.create_task(journal._read(lambda _: verified.wait(10)))
    assert await journal.verify() == Chain(10)
    verified.set()
    assert await reading


@pytest.mark.parametrize("change", ["UPDATE event SET ev = 'x'", "DELETE FROM event"])
async def test_i6_the_program_itself_cannot_change_what_was_written(
    journal: Journal, change: str
) -> None:
    await journal.record(EVENTS, (), NOW)
    with pytest.raises(Exception, match="append-only"):
        await execute(journal, change)
    assert await journal.verify() == Chain(10)


async def test_the_export_has_every_row_in_order(journal: Journal) -> None:
    many = [Event("acted", {"n": number}) for number in range(1203)]
    await journal.record(many, (), NOW)
    rows = await exported(journal)
    assert [row["seq"] for row in rows] == list(range(1, 1204))
    assert [row["n"] for row in rows] == list(range(1203))
    assert list(rows[0])[:4] == ["t", "ev", "seq", "hash"]


async def test_the_export_of_one_incident_has_only_its_rows(journal: Journal) -> None:
    await journal.record(EVENTS, (), NOW)
    assert [row["n"] for row in await exported(journal, 2)] == [2, 5, 8]
    assert await exported(journal, 99) == []


async def test_an_export_can_be_verified_by_somebody_else(journal: Journal) -> None:
    """Whoever kept an export can recompute it with nothing but the four fields and the rest."""
    await journal.record(EVENTS, (), NOW)
    digest = GENESIS
    for row in await exported(journal):
        data = {name: row[name] for name in row if name not in {"t", "ev", "seq", "hash"}}
        digest = link(digest, row["seq"], row["t"], row["ev"], canonical(data))
        assert digest == row["hash"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_one_value_has_one_spelling(data: dict[str, object]) -> None:
    text = canonical(data)
    assert canonical(json.loads(text)) == text
    assert canonical(dict(reversed(list(data.items())))) == text
    assert "\n" not in text
    assert text.isascii()


def test_no_field_of_a_row_can_pass_for_another() -> None:
    assert link(GENESIS, 1, 1.0, "a", "b") != link(GENESIS, 11, 0.0, "a", "b")
    assert "\n" not in line(1, 1.0, "a\nb", '{"c":"\\n"}', GENESIS)


def test_rows_of_several_moments_are_each_hashed_with_their_own() -> None:
    events = [(at, Event("x", {"n": n})) for n, at in enumerate((1.5, 1.5, 2.25, 1.5))]
    rows = chained(7, GENESIS, events)
    digest = GENESIS
    for seq, at, ev, _, data, claimed in rows:
        digest = link(digest, seq, at, ev, data)
        assert claimed == digest
    assert [row[:2] for row in rows] == [(8, 1.5), (9, 1.5), (10, 2.25), (11, 1.5)]
