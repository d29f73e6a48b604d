from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest

from receiver.decide.incident import CLOSED
from receiver.journal import JournalInUse, JournalUnavailable
from receiver.journal.history import Search
from receiver.journal.sqlite import open_journal
from receiver.journal.sqlite.history import searched
from receiver.journal.sqlite.reads import COUNTS, ROWS_OF_ONE
from receiver.journal.sqlite.rows import numbered
from receiver.journal.sqlite.schema import MIGRATIONS
from receiver.journal.sqlite.views import STANDING
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import fires, opened


async def test_a_second_receiver_is_refused_and_told_why(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with opened(file):
        with pytest.raises(JournalInUse) as caught:
            await open_journal(file, NOW)
    assert str(file) in str(caught.value)
    assert "stop it, or give this one its own file" in str(caught.value)


async def test_once_the_first_has_closed_the_next_may_open(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with opened(file):
        pass
    async with opened(file) as journal:
        await fires(journal)


HOLDS_IT = textwrap.dedent("""
    import asyncio, sys
    from pathlib import Path
    from receiver.journal.sqlite import open_journal
    async def main():
        await open_journal(Path(sys.argv[1]), 0.0)
        print("open", flush=True)
        await asyncio.Event().wait()
    asyncio.run(main())
""")


def test_a_receiver_in_another_process_is_refused_until_it_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"

    async def open_and_use() -> None:
        async with opened(file) as journal:
            await fires(journal)

    argv = [sys.executable, "-c", HOLDS_IT, str(file)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            with pytest.raises(JournalInUse):
                asyncio.run(open_and_use())
        finally:
            other.kill()
    asyncio.run(open_and_use())


async def test_an_opening_that_fails_leaves_no_lock_behind(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    file.write_bytes(b"this is no database, and it is long enough to be looked at" * 20)
    with pytest.raises(JournalUnavailable, match="not a database"):
        await open_journal(file, NOW)
    file.unlink()
    async with opened(file) as journal:
        await fires(journal)


async def test_nobody_else_may_read_the_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        async with opened(tmp_path / "new" / "journal.db") as journal:
            await fires(journal)
            modes = {
                found.name: found.stat().st_mode & 0o777 for found in (tmp_path / "new").iterdir()
            }
    finally:
        os.umask(before)
    assert set(modes) == {"journal.db", "journal.db-wal", "journal.db-shm", "journal.db.lock"}
    assert set(modes.values()) == {0o600}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def settings_of(db: sqlite3.Connection) -> list[object]:
    asked = ("journal_mode", "synchronous", "foreign_keys", "user_version")
    return [db.execute(f"PRAGMA {name}").fetchone()[0] for name in asked]


async def test_the_file_is_as_durable_as_promised(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as journal:
        pragmas = await journal._writer.call(settings_of)
    assert pragmas == ["wal", 2, 1, len(MIGRATIONS)]


async def test_the_rows_of_one_incident_are_found_without_looking_at_the_others(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "journal.db"):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN {ROWS_OF_ONE}", (0, 1, 9)).fetchall()
    assert [step[3] for step in plan] == [
        "SEARCH event USING INDEX event_incident (incident=? AND seq>?)"
    ]


async def test_open_incidents_are_counted_without_a_look_at_their_rows(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db"):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN {COUNTS}", (*CLOSED,)).fetchall()
    assert [step[3] for step in plan] == ["SCAN incident USING COVERING INDEX incident_state"]


async def test_what_is_counted_of_the_open_ones_is_read_without_a_look_at_those_that_are_over(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path / "journal.db"):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN {STANDING}").fetchall()
    assert [step[3] for step in plan] == ["SCAN incident USING INDEX incident_open"]


async def test_a_page_of_what_waits_for_somebody_is_read_without_a_look_at_anything_else(
    tmp_path: Path,
) -> None:
    sql, values = searched(Search(waiting=True, before=9))
    async with opened(tmp_path / "journal.db"):
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db:
            plan = db.execute(f"EXPLAIN QUERY PLAN {sql}", numbered(values)).fetchall()
    steps = [step[3] for step in plan]
    assert "SEARCH incident USING INDEX incident_waiting (id<?)" in steps
    assert not [step for step in steps if "SCAN" in step or "ORDER BY" in step]


async def test_a_journal_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with closing(sqlite3.connect(file)) as db:
        db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    with pytest.raises(JournalUnavailable, match="run the newer program"):
        await open_journal(file, NOW)


async def test_a_migration_that_was_cut_off_is_done_again(tmp_path: Path) -> None:
    """Schema and version number are one transaction: a file is either new or migrated."""
    file = tmp_path / "journal.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("CREATE TABLE meta (key TEXT)")
    async with opened(file) as journal:
        await fires(journal)


@pytest.mark.parametrize("place", ["file/journal.db", "file/deeper/journal.db"])
async def test_a_folder_that_cannot_be_is_said_so(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(
        JournalUnavailable, match="give `journal:` a folder that this user may write"
    ):
        await open_journal(tmp_path / place, NOW)


async def test_a_folder_where_the_file_should_be_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(JournalUnavailable, match=r"cannot open the journal .*journal\.db"):
        await open_journal(tmp_path / "journal.db", NOW)


async def test_a_file_in_a_folder_that_nobody_may_write_is_said_so() -> None:
    with pytest.raises(JournalUnavailable, match="cannot open /proc/journal"):
        await open_journal(Path("/proc/journal.db"), NOW)


@pytest.mark.parametrize("name", ["with space.db", "per%20cent.db", "what?.db", "#1.db", "ключ.db"])
async def test_the_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    async with opened(tmp_path / name) as journal:
        await fires(journal)
        assert await journal.incident(1) is not None
    assert (tmp_path / name).stat().st_size > 0


async def test_a_journal_in_memory_is_whole_too() -> None:
    journal = await open_journal(None, NOW)
    await fires(journal)
    assert await journal.incident(1) is not None
    assert (await journal.verify()).rows == 2
    await journal.close()


async def test_what_is_asked_of_a_closed_journal_is_refused_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as journal:
        await journal.incident(1)
    with pytest.raises(JournalUnavailable, match="closed"):
        await fires(journal)
    with pytest.raises(JournalUnavailable, match="closed"):
        await journal.incident(1)


async def test_closing_twice_closes_once(tmp_path: Path) -> None:
    async with opened(tmp_path / "journal.db") as journal:
        await journal.close()
    async with opened(tmp_path / "journal.db") as again:
        await journal.close()
        with pytest.raises(JournalInUse):
            await open_journal(tmp_path / "journal.db", NOW)
        await fires(again)
