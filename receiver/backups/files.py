"""Files that are whole or not there: written beside their place, on the disk before they are in it, summed up on the way.

All of it waits for the disk, so that whoever calls does so in a thread.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from receiver.backups.base import BackupError, Disproved
from receiver.decide.backups import BESIDE, PARTIAL, SUM, parse_name

_CHUNK = 1 << 20


def check_place(directory: Path) -> None:
    """Whether backups can lie there. Raises BackupError: a disk that is not mounted must not be made up for."""
    if not directory.is_dir():
        raise BackupError(
            f"{directory} is not there: mount the disk, or make the directory for the receiver's user",
            started=False,
        )
    if not os.access(directory, os.W_OK | os.X_OK):
        raise BackupError(
            f"{directory} cannot be written: chown it to the receiver's user", started=False
        )


@contextmanager
def alone(directory: Path, target: str) -> Iterator[None]:
    """Nobody else on this machine makes, proves or prunes backups of the target meanwhile. Raises BackupError."""
    lock = os.open(directory / f".{target}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BackupError(
                f"another backup, drill or restore of {target} is under way in {directory}",
                started=False,
            ) from error
        yield
    finally:
        os.close(lock)


def make_private(path: Path) -> None:
    """An empty file that only we can read, for a program that keeps the mode of what is there."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))


def members(path: Path) -> list[Path]:
    """The file itself, or the files in a backup that is a directory, in order."""
    return sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


def size_of(path: Path) -> int:
    """Bytes; those of what vanishes meanwhile are none."""
    size = 0
    for one in members(path):
        with suppress(FileNotFoundError):
            size += one.stat().st_size
    return size


def summed(path: Path, name: str) -> str:
    """The text of the `.sha256` beside it, as `sha256sum -c` reads it."""
    lines = []
    for one in members(path):
        shown = name if one == path else f"{name}/{one.relative_to(path)}"
        lines.append(f"{_digest(one)}  {shown}\n")
    return "".join(lines)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sum(path: Path, name: str | None = None) -> None:
    """Whether it is byte for byte what was written as `name`, or as its own. Raises Disproved."""
    name = path.name if name is None else name
    beside = path.with_name(name + SUM)
    try:
        expected = beside.read_text()
    except OSError as error:
        raise Disproved(f"{name}: its {SUM} is not there: who wrote this file?") from error
    if summed(path, name) != expected:
        raise Disproved(
            f"{name} is not what was written ({size_of(path):,} bytes now): it was changed, cut off, or the disk"
            " has lost something. Restore from another one"
        )


def write_whole(path: Path, text: str) -> None:
    """The file with this text, or as it was before."""
    beside = path.with_name(path.name + PARTIAL)
    make_private(beside)
    beside.write_text(text)
    on_disk(beside)
    beside.replace(path)


def put_in_place(partial: Path, path: Path) -> None:
    """From its `.partial` name to its own, on the disk before and after."""
    for one in members(partial):
        on_disk(one)
    if partial.is_dir():
        on_disk(partial)
    partial.rename(path)
    on_disk(path.parent)


def on_disk(path: Path) -> None:
    """Waits until the disk has it."""
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def remove(path: Path) -> None:
    """The file or directory, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def remove_backup(directory: Path, name: str) -> None:
    """A backup and what lies beside it; itself first, so that none is left without its sum."""
    remove(directory / name)
    for ending in BESIDE:
        remove(directory / f"{name}{ending}")


def clear_unfinished(directory: Path, target: str) -> int:
    """Takes away what broken-off runs of this target left; how many backups that were none."""
    gone = 0
    for one in list(directory.iterdir()):
        stem = one.name.removesuffix(PARTIAL)
        unfinished = stem != one.name
        for ending in BESIDE:
            stem = stem.removesuffix(ending)
        if parse_name(target, stem) is None:
            continue
        if unfinished or not (directory / stem).exists():
            gone += one.name == f"{stem}{PARTIAL}"
            remove(one)
    return gone
