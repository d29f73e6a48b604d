"""The chain is followed a few rows at a time, and what was found is kept."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from prunella.exposition import render
from receiver import metrics
from receiver.journal import Event
from receiver.stages.chain import AGAIN, AT_ONCE, last_walk, walk_on
from tests.receiver.rig import Rig, rig


async def write(made: Rig, rows: int) -> None:
    await made.journal.record([Event("e", {"n": number}) for number in range(rows)], (), 0.0)


async def test_nothing_is_known_before_the_first_look() -> None:
    async with rig() as made:
        assert await last_walk(made.context) is None


async def test_a_long_chain_is_followed_in_pieces_and_then_only_what_is_new() -> None:
    async with rig() as made:
        await write(made, AT_ONCE + 10)
        seen = []
        for _ in range(3):
            await walk_on(made.context)
            walk = await last_walk(made.context)
            assert walk is not None
            seen.append((walk.seq, walk.whole_at is not None, walk.bad))
    assert seen == [
        (AT_ONCE, False, None),
        (AT_ONCE + 10, True, None),
        (AT_ONCE + 10, True, None),
    ]


async def test_it_begins_anew_after_a_day() -> None:
    async with rig() as made:
        await write(made, 5)
        await walk_on(made.context)
        made.clock.at += AGAIN
        await walk_on(made.context)
        walk = await last_walk(made.context)
    assert walk is not None
    assert (walk.rows, walk.begun) == (5, made.clock.at)


async def with_a_changed_row(folder: Path) -> Path:
    file = folder / "journal.db"
    async with rig(file=file) as made:
        await write(made, 5)
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("DROP TRIGGER event_never_changes")
        db.execute("UPDATE event SET ev = 'x' WHERE seq = 3")
    return file


async def test_a_receiver_that_starts_knows_what_was_found_before(tmp_path: Path) -> None:
    async with rig(file=await with_a_changed_row(tmp_path)) as made:
        await walk_on(made.context)
        metrics.CHAIN_OK.set(1)  # as in a new process
        await walk_on(made.context)
    assert b"\nprunella_journal_chain_ok 0" in render()[0]


async def test_a_row_that_was_changed_is_found_and_said(tmp_path: Path) -> None:
    async with rig(file=await with_a_changed_row(tmp_path)) as made:
        await walk_on(made.context)
        walk = await last_walk(made.context)
    assert walk is not None
    assert (walk.bad, walk.seq, walk.why) == (3, 2, "row 3 was changed")
    assert b"\nprunella_journal_chain_ok 0" in render()[0]


async def test_a_broken_chain_stays_broken_until_that_row_is_as_it_was(tmp_path: Path) -> None:
    file = await with_a_changed_row(tmp_path)
    async with rig(file=file) as made:
        await walk_on(made.context)
        found = []
        for told in ("x", "e"):
            with closing(sqlite3.connect(file)) as db, db:
                db.execute("UPDATE event SET ev = ? WHERE seq = 3", (told,))
            made.clock.at += AGAIN
            await walk_on(made.context)
            walk = await last_walk(made.context)
            assert walk is not None
            found.append((walk.bad, walk.seq, b"\nprunella_journal_chain_ok 1" in render()[0]))
    assert found == [(3, 2, False), (None, 5, True)]
