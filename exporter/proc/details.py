"""What only a chosen process is asked for: its descriptors, their limit, what it read and wrote, how often it gave way.

Each is None where we may not look: other users' processes show their files and their I/O to root only.
"""

from __future__ import annotations

import contextlib
import os
import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

from exporter.proc.files import content, record

_THIS_MACHINE = Path("/proc")
_FILES = re.compile(r"^Max open files\s+(\d+)", re.MULTILINE)


@dataclass(slots=True)
class Details:
    """Of one process."""

    swapped: int | None
    voluntary: int | None
    involuntary: int | None
    read: int | None
    written: int | None
    open_files: int | None
    most_files: int | None


def details(procfs: Path, pid: int) -> Details:
    """All of it, at the price of two files."""
    status, io = record(f"{procfs}/{pid}/status"), record(f"{procfs}/{pid}/io")
    swapped = _number(status, b"\nVmSwap:")
    return Details(
        None if swapped is None else swapped * 1024,
        _number(status, b"\nvoluntary_ctxt_switches:"),
        _number(status, b"\nnonvoluntary_ctxt_switches:"),
        _number(io, b"\nread_bytes:"),
        _number(io, b"\nwrite_bytes:"),
        open_files(procfs, pid),
        most_files(procfs, pid),
    )


def _number(text: bytes, word: bytes) -> int | None:
    """What stands behind it. A regular expression would take ten times as long, for every process."""
    at = text.find(word)
    if at < 0:
        return None
    return int(text[at + len(word) : at + len(word) + 32].split(None, 1)[0])


def open_files(procfs: Path, pid: int) -> int | None:
    """How many descriptors it holds; since Linux 6.2 the size of the folder says it, to everybody."""
    folder = f"{procfs}/{pid}/fd"
    try:
        # a Path costs as much as the system call
        return os.stat(folder).st_size or len(os.listdir(folder))  # noqa: PTH116, PTH208 - see above
    except OSError:
        return None


def most_files(procfs: Path, pid: int) -> int | None:
    """How many it may hold; None when nothing limits it."""
    if sys.platform == "linux" and procfs == _THIS_MACHINE:
        # Of other users' processes only the file tells us.
        with contextlib.suppress(OSError):
            most = resource.prlimit(pid, resource.RLIMIT_NOFILE)[0]
            return most if most != resource.RLIM_INFINITY else None
    with contextlib.suppress(OSError):
        found = _FILES.search(content(f"{procfs}/{pid}/limits"))
        return int(found[1]) if found else None
    return None
