"""Whether a file is still the one that was read: certificates and passwords are exchanged under a running process."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[tuple[int, int, int] | None, ...]


def stamp_of(files: Iterable[Path | None]) -> Stamp:
    """What changes when one of them does; None where there is none."""
    return tuple(_one(file) for file in files)


def _one(file: Path | None) -> tuple[int, int, int] | None:
    try:
        about = file.stat() if file is not None else None
    except OSError:
        return None
    return (about.st_mtime_ns, about.st_size, about.st_ino) if about is not None else None
