from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import textwrap
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path

import pytest

from receiver.journal import Event, JournalUnavailable
from receiver.journal.sqlite import SqliteJournal, open_journal
from receiver.journal.sqlite.writer import BATCH
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import exported, fires, opened, words


@pytest.fixture(params=["file", "memory"])
async def journal(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqliteJournal]:
    """SQLite's own writer; PostgreSQL's has other ways (test_door, test_outage)."""
    opened = await open_journal(tmp_path / "journal.db" if request.param == "file" else None, NOW)
    yield opened
    await opened.close()


class Held:
    """Keeps the writer busy, so that what is asked for meanwhile lands in one commit."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self._free = threading.Event()

    async def __aenter__(self) -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait(_: sqlite3.Connection) -> None:
            loop.call_soon_threadsafe(begun.set)
            self._free.wait(10)

        self._task = asyncio.create_task(self._journal._writer.call(wait))
        await begun.wait()

    async def __aexit__(self, *_: object) -> None:
        self._free.set()
        await self._task


async def record(journal: SqliteJournal, word: str) -> None:
    await journal.record([Event(word, {})], (), NOW)


def together(*calls: Coroutine[object, object, object]) -> asyncio.Future[list[object]]:
    return asyncio.ensure_future(asyncio.gather(*calls, return_exceptions=True))


async def test_what_waits_for_the_same_commit_keeps_its_order(journal: SqliteJournal) -> None:
    async with Held(journal):
        done = together(*(record(journal, str(number)) for number in range(BATCH * 2 + 3)))
        await asyncio.sleep(0)
    await done
    assert await words(journal) == [str(number) for number in range(BATCH * 2 + 3)]


async def test_a_request_that_fails_leaves_its_neighbours_whole(journal: SqliteJournal) -> None:
    def bug(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise RuntimeError("a bug")

    async with Held(journal):
        done = together(record(journal, "a"), journal._writer.call(bug), record(journal, "b"))
        await asyncio.sleep(0)
    first, second, third = await done
    assert (first, third) == (None, None)
    assert isinstance(second, RuntimeError)
    assert await words(journal) == ["a", "b"]
    assert await journal.recall("half") is None


async def test_one_that_fails_alone_leaves_nothing_behind(journal: SqliteJournal) -> None:
    def bug(db: sqlite3.Connection) -> None:
        db.execute("INSERT INTO meta VALUES ('half', 'done')")
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError):
        await journal._writer.call(bug)
    assert await journal.recall("half") is None
    await record(journal, "after")
    assert await words(journal) == ["after"]


async def test_a_broken_constraint_is_the_requests_own_fault(journal: SqliteJournal) -> None:
    twice = "INSERT INTO meta VALUES ('name', 'x')"
    async with Held(journal):
        done = together(
            record(journal, "a"),
            journal._writer.call(lambda db: db.execute(twice).rowcount),
            record(journal, "b"),
        )
        await asyncio.sleep(0)
    assert [type(one) for one in await done] == [type(None), sqlite3.IntegrityError, type(None)]
    assert await words(journal) == ["a", "b"]


def sync_level(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA synchronous").fetchone()[0])


async def test_i7_a_commit_that_holds_one_durable_request_is_synced(journal: SqliteJournal) -> None:
    full, normal = 2, 1
    call = journal._writer.call
    assert await call(sync_level, durable=False) == normal
    assert await call(sync_level) == full
    async with Held(journal):
        mixed = together(call(sync_level, durable=False), call(sync_level))
        await asyncio.sleep(0)
    assert await mixed == [full, full]


async def test_i7_after_an_error_the_next_commit_is_synced_again(journal: SqliteJournal) -> None:
    await journal._writer.call(sync_level, durable=False)
    await journal._writer.call(no_more_room)
    with pytest.raises(JournalUnavailable):
        await record(journal, "x" * 1_000_000)
    assert await journal._writer.call(sync_level) == 2


def no_more_room(db: sqlite3.Connection) -> None:
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count={pages}")


async def test_i7_on_a_full_disk_nobody_is_told_that_it_was_kept(journal: SqliteJournal) -> None:
    await record(journal, "before")
    await journal._writer.call(no_more_room)
    async with Held(journal):
        done = together(record(journal, "small"), record(journal, "x" * 1_000_000))
        await asyncio.sleep(0)
    answers = await done
    assert [type(one) for one in answers] == [JournalUnavailable, JournalUnavailable]
    assert "full" in str(answers[0])
    assert await words(journal) == ["before"]
    await record(journal, "after")
    assert await words(journal) == ["before", "after"]
    assert (await journal.verify()).bad is None


FULL_DISK = textwrap.dedent("""
    import asyncio, resource, sys
    from pathlib import Path
    from receiver.journal import Event, JournalUnavailable
    from receiver.journal.sqlite import open_journal

    def room(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    async def main():
        journal = await open_journal(Path(sys.argv[1]), 0.0)
        kept, refused = [], 0
        for number in range(60):
            room(200_000 if number < 40 else resource.RLIM_INFINITY)
            try:
                await journal.record([Event(f"e{number}", {"x": "y" * 20_000})], (), 0.0)
            except JournalUnavailable:
                refused += 1
            else:
                kept.append(f"e{number}")
        assert refused > 5, refused
        assert kept[-20:] == [f"e{n}" for n in range(40, 60)], "it did not recover"
        assert (await journal.verify()).bad is None
        await journal.close()
        print(" ".join(kept))
    asyncio.run(main())
""")


def test_i7_what_the_system_had_no_room_for_is_refused_and_it_recovers(tmp_path: Path) -> None:
    """A limit of the operating system on file sizes is a real failing write, unlike SQLite's own limit."""
    file = tmp_path / "journal.db"
    argv = [sys.executable, "-c", FULL_DISK, str(file)]
    ran = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr

    async def stored() -> list[str]:
        async with opened(file) as journal:
            return await words(journal)

    assert asyncio.run(stored()) == ran.stdout.split()


def moved_away(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def replaced(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))
    file.write_bytes(b"")


@pytest.mark.parametrize(
    ("lose", "why"), [(moved_away, "is gone"), (replaced, "was replaced by another file")]
)
async def test_i7_nothing_is_acknowledged_into_a_file_that_is_not_there(
    tmp_path: Path, lose: Callable[[Path], None], why: str
) -> None:
    file = tmp_path / "journal.db"
    async with opened(file) as journal:
        await record(journal, "before")
        lose(file)
        for _ in range(2):
            with pytest.raises(JournalUnavailable, match=why):
                await record(journal, "lost")
        file.with_name("elsewhere.db").rename(file)
        await record(journal, "after")
        assert await words(journal) == ["before", "after"]


async def test_i7_a_folder_that_vanishes_is_said_so_and_the_writer_lives(tmp_path: Path) -> None:
    folder = tmp_path / "var"
    async with opened(folder / "journal.db") as journal:
        await fires(journal)
        folder.rename(tmp_path / "away")
        with pytest.raises(JournalUnavailable, match="put it back"):
            await record(journal, "lost")
        (tmp_path / "away").rename(folder)
        await record(journal, "after")
        assert (await words(journal))[-1] == "after"


async def test_a_reader_whose_file_is_gone_says_so_and_recovers(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with opened(file) as journal:
        await fires(journal)
        moved_away(file)
        with pytest.raises(JournalUnavailable):
            await journal.incident(1)
        file.with_name("elsewhere.db").rename(file)
        assert await journal.incident(1) is not None


async def test_a_file_that_was_overwritten_is_unavailable_and_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with opened(file) as journal:
        await fires(journal)
    size = file.stat().st_size
    file.write_bytes(file.read_bytes()[:4096] + b"\xff" * (size - 4096))
    with pytest.raises(JournalUnavailable):
        await open_journal(file, NOW)


async def test_a_caller_that_gives_up_waiting_harms_nobody(journal: SqliteJournal) -> None:
    async with Held(journal):
        impatient = asyncio.create_task(record(journal, "a"))
        patient = asyncio.create_task(record(journal, "b"))
        await asyncio.sleep(0)
        impatient.cancel()
    await patient
    assert await words(journal) == ["a", "b"]


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    journal = await open_journal(file, NOW)
    asked = [asyncio.create_task(record(journal, str(number))) for number in range(50)]
    await asyncio.sleep(0)
    await journal.close()
    await asyncio.gather(*asked)
    async with opened(file) as again:
        assert len(await exported(again)) == 50


def test_a_loop_that_ended_before_its_answer_came_does_not_kill_the_writer(tmp_path: Path) -> None:
    async def abandon() -> SqliteJournal:
        journal = await open_journal(tmp_path / "journal.db", NOW)
        held = Held(journal)
        await held.__aenter__()
        held._task.cancel()
        abandoned.append(held)
        return journal

    abandoned: list[Held] = []
    journal = asyncio.run(abandon())
    abandoned[0]._free.set()

    async def go_on() -> list[str]:
        await record(journal, "later")
        found = await words(journal)
        await journal.close()
        return found

    assert asyncio.run(go_on()) == ["later"]
