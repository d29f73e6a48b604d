"""What lies in a backup directory, and what must not be taken for a backup."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exporter.collectors.backups import BackupEntry, Backups, Directory, Seen, look
from exporter.collectors.base import Collected, World
from prunella.service.clock import SystemClock
from receiver.backups.record import write_record
from tests.exporter.reading import value

NOW = 1_700_000_000.0


def put(folder: Path, name: str, *, age: float, size: int = 10) -> None:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    os.utime(file, (NOW - age, NOW - age))


def seen(folder: Path, pattern: str = "*.dump") -> Seen:
    return look(BackupEntry(name="nightly", directory=folder, pattern=pattern), NOW)


async def collect(folder: Path) -> Collected:
    collector = Backups([BackupEntry(name="nightly", directory=folder)], World())
    return await collector.collect(asyncio.get_running_loop().time() + 5)


def test_the_newest_whole_file_is_the_last_backup(tmp_path: Path) -> None:
    put(tmp_path, "a.dump", age=90_000, size=5)
    put(tmp_path, "b.dump", age=3600, size=7)
    found = seen(tmp_path)
    assert (found.last_success, found.size, found.success) == (NOW - 3600, 7.0, True)
    assert found.free is not None
    assert found.free > 0


def test_where_nothing_lies_nothing_was_ever_backed_up(tmp_path: Path) -> None:
    found = seen(tmp_path)
    assert (found.last_success, found.size, found.success, found.verified) == (0, 0, False, 0)


def test_an_empty_file_is_no_backup(tmp_path: Path) -> None:
    put(tmp_path, "a.dump", age=60, size=0)
    assert not seen(tmp_path).success


@pytest.mark.parametrize("beside", ["a.dump.sha256", "a.dump.manifest.json", "other.txt"])
def test_what_lies_beside_is_none(tmp_path: Path, beside: str) -> None:
    put(tmp_path, beside, age=10)
    assert seen(tmp_path).last_success == 0


def test_one_that_is_being_written_does_not_count_and_is_no_failure(tmp_path: Path) -> None:
    put(tmp_path, "a.dump", age=86_400)
    put(tmp_path, "b.dump.partial", age=30)
    found = seen(tmp_path)
    assert (found.last_success, found.success) == (NOW - 86_400, True)


def test_one_that_nobody_goes_on_with_has_failed(tmp_path: Path) -> None:
    put(tmp_path, "a.dump", age=86_400)
    put(tmp_path, "b.dump.partial", age=1000)
    assert not seen(tmp_path).success


def test_what_broke_off_before_the_last_good_one_is_forgiven(tmp_path: Path) -> None:
    put(tmp_path, "a.dump.partial", age=86_400)
    put(tmp_path, "b.dump", age=3600)
    assert seen(tmp_path).success


def test_it_is_told_when_one_was_proven_to_restore(tmp_path: Path) -> None:
    put(tmp_path, "a.dump", age=86_400)
    put(tmp_path, "a.dump.verified", age=80_000, size=0)
    assert seen(tmp_path).verified == NOW - 80_000


def test_folders_below_count_where_the_pattern_says_so(tmp_path: Path) -> None:
    put(tmp_path, "daily/a.dump", age=60)
    assert seen(tmp_path).last_success == 0
    assert seen(tmp_path, "daily/*.dump").last_success == NOW - 60


def test_a_dangling_link_and_a_pipe_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "latest.dump").symlink_to("gone.dump")
    os.mkfifo(tmp_path / "pipe.dump")
    assert seen(tmp_path).last_success == 0


def test_a_link_to_the_newest_is_the_newest(tmp_path: Path) -> None:
    put(tmp_path, "kept/a.dump", age=60, size=9)
    (tmp_path / "latest.dump").symlink_to("kept/a.dump")
    assert seen(tmp_path).size == 9.0


@given(
    ages=st.lists(st.floats(min_value=0, max_value=1e6), max_size=6),
    partial=st.floats(min_value=0, max_value=1e6),
)
def test_whatever_lies_there_the_newest_whole_one_wins(
    tmp_path_factory: pytest.TempPathFactory, ages: list[float], partial: float
) -> None:
    folder = tmp_path_factory.mktemp("backups")
    for number, age in enumerate(ages):
        put(folder, f"{number}.dump", age=age)
    put(folder, "x.dump.partial", age=partial)
    expected = max((NOW - age for age in ages), default=0.0)
    assert seen(folder).last_success == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("pattern", ["*", "*.dump", "a*"])
def test_unfinished_and_verified_ones_are_told_by_any_pattern(tmp_path: Path, pattern: str) -> None:
    put(tmp_path, "a.dump", age=9000)
    put(tmp_path, "a.dump.verified", age=8000, size=0)
    put(tmp_path, "ab.dump.partial", age=5000)
    found = seen(tmp_path, pattern)
    assert (found.last_success, found.verified) == (NOW - 9000, NOW - 8000)
    assert not found.success


async def test_every_series_is_there_for_what_is_configured(tmp_path: Path) -> None:
    found = await collect(tmp_path)
    assert found.problems == ()
    for name in ("last_success_timestamp_seconds", "last_size_bytes", "last_run_success"):
        assert value(found.families, f"prunella_backup_{name}", backup="nightly") == 0
    assert value(found.families, "prunella_backup_last_verified_timestamp_seconds") == 0


async def test_a_directory_that_is_not_there_is_named_and_never_was_backed_up(
    tmp_path: Path,
) -> None:
    found = await collect(tmp_path / "unmounted")
    assert found.problems == (f"nightly: {tmp_path}/unmounted: No such file or directory",)
    assert value(found.families, "prunella_backup_last_success_timestamp_seconds") == 0


async def test_a_disk_that_hangs_costs_one_thread_and_only_the_time_given(tmp_path: Path) -> None:
    directory = Directory(BackupEntry(name="a", directory=tmp_path), SystemClock())
    never: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
    directory._asked = never
    began = time.monotonic()
    for _ in range(3):
        found, why = await directory.look(asyncio.get_running_loop().time() + 0.05)
        assert found is None
        assert "does not answer" in why
    assert time.monotonic() - began < 2
    assert directory._asked is never


@pytest.mark.parametrize("pattern", ["/etc/*", "../*.dump", ""])
def test_a_pattern_stays_below_its_directory(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(ValidationError):
        BackupEntry(name="a", directory=tmp_path, pattern=pattern)


def recorded(folder: Path, **run: object) -> Seen:
    """With a record as the receiver writes it, of the target `shop`."""
    write_record(folder, "shop", "database", **run)
    return look(BackupEntry(name="shop", directory=folder, target="shop"), NOW)


def test_the_receivers_record_tells_of_a_run_that_left_nothing(tmp_path: Path) -> None:
    put(tmp_path, "shop-database-20231114T000000Z.dump", age=90_000)
    found = recorded(tmp_path, attempt=NOW - 60, ok=False, reason="no space", success=NOW - 90_100)
    assert (found.last_success, found.success) == (NOW - 90_000, False)


def test_a_backup_that_is_in_a_bucket_alone_is_known_from_the_record(tmp_path: Path) -> None:
    found = recorded(
        tmp_path, attempt=NOW - 50, ok=True, success=NOW - 50, size=7, verified=NOW - 9
    )
    assert (found.last_success, found.size, found.success) == (NOW - 50, 7.0, True)
    assert found.verified == NOW - 9


def test_a_target_has_its_own_files_and_each_kind_its_own_runs(tmp_path: Path) -> None:
    put(tmp_path, "shop-export-20231114T000000Z.jsonl.zst", age=5)
    put(tmp_path, "other-database-20231114T000000Z.dump", age=5)
    write_record(tmp_path, "shop", "export", attempt=NOW, ok=True, success=NOW)
    found = look(BackupEntry(name="shop", directory=tmp_path, target="shop"), NOW)
    assert (found.last_success, found.success) == (0.0, False)


def test_the_record_itself_is_no_backup(tmp_path: Path) -> None:
    recorded(tmp_path, attempt=NOW)
    assert seen(tmp_path, "*").last_success == 0.0


@pytest.mark.parametrize(
    "text",
    ["", "[", "[]", '{"database": 5}', '{"database": {"attempt": "x", "ok": 1}}', "[" * 99_999],
)
def test_a_record_that_cannot_be_read_changes_nothing(tmp_path: Path, text: str) -> None:
    put(tmp_path, "shop-database-1.dump", age=60)
    (tmp_path / ".shop.prunella.json").write_text(text)
    found = look(BackupEntry(name="shop", directory=tmp_path, target="shop"), NOW)
    assert (found.last_success, found.success) == (NOW - 60, True)


@pytest.mark.parametrize("target", ["../shop", "a/b", "", ".hidden"])
def test_a_target_is_a_name_and_no_path(tmp_path: Path, target: str) -> None:
    with pytest.raises(ValidationError):
        BackupEntry(name="a", directory=tmp_path, target=target)
