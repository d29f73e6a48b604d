"""What a request has to work out is worked out on the loop of whoever asked, inside of the writer's transaction."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from receiver.decide.episode import Kind
from receiver.journal import JournalUnavailable, Seen
from receiver.journal.sqlite import SqliteJournal
from receiver.journal.sqlite.intake import FEW
from receiver.journal.sqlite.writer import Errand, Steps, _walk
from tests.receiver.builders import NOW, a_draft, an_alert
from tests.receiver.journal.doing import exported
from tests.receiver.journal.test_writer import Held, journal, record, together

__all__ = ["journal"]  # the fixture


def where() -> str:
    return threading.current_thread().name


def three_places(_: sqlite3.Connection) -> Steps[list[object]]:
    before = where()
    errand = yield where
    return [before, errand, where()]


def fails() -> object:
    raise LookupError("an errand that comes to nothing")


async def test_an_errand_is_done_on_the_loop_and_the_rest_by_the_writer(
    journal: SqliteJournal,
) -> None:
    assert await journal._writer.walk(three_places) == [
        *("journal-writer", where(), "journal-writer")
    ]


async def test_an_errand_that_fails_leaves_its_neighbours_whole(journal: SqliteJournal) -> None:
    def half(db: sqlite3.Connection) -> Steps[None]:
        db.execute("INSERT INTO meta VALUES ('half', 'done')")
        yield fails

    async with Held(journal):
        done = together(record(journal, "a"), journal._writer.walk(half), record(journal, "b"))
        await asyncio.sleep(0)
    first, second, third = await done
    assert (first, third) == (None, None)
    assert isinstance(second, LookupError)
    assert await journal.recall("half") is None


async def test_whoever_gives_up_meanwhile_harms_nobody(journal: SqliteJournal) -> None:
    async with Held(journal):
        impatient = asyncio.create_task(journal._writer.walk(three_places))
        await asyncio.sleep(0)
        impatient.cancel()
    await record(journal, "after")
    assert impatient.cancelled()


def test_a_loop_that_is_gone_is_not_waited_for() -> None:
    gone = asyncio.new_event_loop()
    gone.close()

    def steps() -> Steps[None]:
        errand: Errand = list
        yield errand

    with pytest.raises(JournalUnavailable):
        _walk(steps(), gone)


@pytest.mark.parametrize("many", [1, FEW, FEW + 1])
async def test_few_and_many_alerts_are_written_alike(journal: SqliteJournal, many: int) -> None:
    batch = [Seen(an_alert(f"f{n}"), a_draft(f"key-{n}")) for n in range(many)]
    done = await journal.ingest(batch, NOW)
    assert done.kinds == (Kind.NEW,) * many
    assert done.opened == tuple(range(1, many + 1))
    assert [row["ev"] for row in await exported(journal)] == ["received", "opened"] * many
    assert (await journal.ingest(batch, NOW)).kinds == (Kind.REPEAT,) * many
