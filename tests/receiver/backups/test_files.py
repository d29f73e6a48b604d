"""What lies there is whole, is what was written, and is nobody else's."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from receiver.backups import files
from receiver.backups.base import BackupError, Disproved
from receiver.decide.backups import Kind, file_name

NAME = file_name("db", Kind.DATABASE, 1_780_000_000)


def a_backup(folder: Path, data: bytes = b"dump") -> Path:
    """One file with its sum."""
    path = folder / NAME
    path.write_bytes(data)
    path.with_name(f"{NAME}.sha256").write_text(files.summed(path, NAME))
    return path


def a_directory(folder: Path) -> Path:
    """One of several files, also below, with its sums."""
    path = folder / NAME
    (path / "below").mkdir(parents=True)
    for name in ("toc.dat", "1.dat", "below/2.dat"):
        (path / name).write_bytes(name.encode())
    path.with_name(f"{NAME}.sha256").write_text(files.summed(path, NAME))
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=4000), st.data())
def test_any_other_byte_is_found(tmp_path: Path, data: bytes, chosen: st.DataObject) -> None:
    path = a_backup(tmp_path, data)
    files.check_sum(path)
    at = chosen.draw(st.integers(0, len(data) - 1))
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    with pytest.raises(Disproved, match="is not what was written"):
        files.check_sum(path)


def test_sha256sum_reads_the_sums_of_files_and_directories(tmp_path: Path) -> None:
    for make in (a_backup, a_directory):
        folder = tmp_path / make.__name__
        folder.mkdir()
        path = make(folder)
        argv = ["sha256sum", "--strict", "-c", f"{path.name}.sha256"]
        assert subprocess.run(argv, cwd=folder, capture_output=True, check=False).returncode == 0


def test_a_file_that_is_missing_or_too_many_in_a_directory_is_found(tmp_path: Path) -> None:
    path = a_directory(tmp_path)
    files.check_sum(path)
    (path / "more").write_text("x")
    with pytest.raises(Disproved, match="is not what was written"):
        files.check_sum(path)
    (path / "more").unlink()
    (path / "1.dat").unlink()
    with pytest.raises(Disproved, match="is not what was written"):
        files.check_sum(path)


def test_what_has_no_sum_is_nobodys(tmp_path: Path) -> None:
    path = a_backup(tmp_path)
    path.with_name(f"{NAME}.sha256").unlink()
    with pytest.raises(Disproved, match="who wrote this file"):
        files.check_sum(path)


def test_what_is_fetched_is_checked_under_the_name_that_it_will_have(tmp_path: Path) -> None:
    partial = a_backup(tmp_path).rename(tmp_path / f"{NAME}.partial")
    files.check_sum(partial, NAME)
    files.put_in_place(partial, tmp_path / NAME)
    files.check_sum(tmp_path / NAME)


def test_a_text_is_whole_or_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "record"
    files.write_whole(file, "one")
    (tmp_path / "record.partial").mkdir()  # in the way, so that it cannot be written
    with pytest.raises(OSError, match="directory"):
        files.write_whole(file, "two")
    assert file.read_text() == "one"
    assert file.stat().st_mode & 0o777 == 0o600


def test_what_vanishes_while_it_is_counted_has_no_size(tmp_path: Path) -> None:
    assert files.size_of(a_directory(tmp_path)) == len("toc.dat1.datbelow/2.dat")
    assert files.size_of(tmp_path / "gone") == 0


def test_a_place_that_is_a_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackupError, match="is not there: mount the disk"):
        files.check_place(tmp_path / "file")
    files.check_place(tmp_path)


def test_one_target_does_not_lock_another(tmp_path: Path) -> None:
    with files.alone(tmp_path, "db"), files.alone(tmp_path, "other"):
        pass
    with files.alone(tmp_path, "db"):
        pass


def test_a_backup_goes_with_all_that_lies_beside_it_and_nothing_else(tmp_path: Path) -> None:
    a_directory(tmp_path)
    for ending in (".manifest.json", ".verified"):
        (tmp_path / f"{NAME}{ending}").write_text("x")
    other = file_name("db", Kind.DATABASE, 1_780_000_001)
    (tmp_path / other).write_text("x")
    files.remove_backup(tmp_path, NAME)
    assert [one.name for one in tmp_path.iterdir()] == [other]


def test_a_link_to_a_directory_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").write_text("x")
    (tmp_path / "link").symlink_to(kept)
    files.remove(tmp_path / "link")
    assert (kept / "file").exists()


@pytest.mark.parametrize(
    "left",
    [
        f"{NAME}.partial",
        f"{NAME}.sha256",
        f"{NAME}.manifest.json",
        f"{NAME}.verified",
        f"{NAME}.sha256.partial",
        f"{NAME}.age.partial",
    ],
)
def test_what_a_broken_run_left_is_cleared(tmp_path: Path, left: str) -> None:
    (tmp_path / left).write_text("x")
    assert files.clear_unfinished(tmp_path, "db") == (
        left.endswith((f"{NAME}.partial", ".age.partial"))
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "stays",
    ["notes.txt", "notes.partial", f"x{NAME}.partial", ".db.lock", ".db.prunella.json"],
)
def test_what_is_not_of_the_target_stays(tmp_path: Path, stays: str) -> None:
    (tmp_path / stays).write_text("x")
    files.clear_unfinished(tmp_path, "db")
    assert [one.name for one in tmp_path.iterdir()] == [stays]


def test_what_is_whole_stays_with_all_that_lies_beside_it(tmp_path: Path) -> None:
    a_backup(tmp_path)
    (tmp_path / f"{NAME}.verified").write_text("x")
    assert files.clear_unfinished(tmp_path, "db") == 0
    assert len(list(tmp_path.iterdir())) == 3
