"""Every process of the machine in one pass over /proc, and the few figures that only a chosen one is asked for."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.proc.kernel import TICKS

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `cpu` includes its children that have ended, so a family's sum never falls."""

    pid: int
    parent: int
    cpu: float
    resident: int
    started: float  # seconds after the machine's start


Table = Mapping[int, Process]


def table(procfs: Path) -> dict[int, Process]:
    """All processes that were there during the pass."""
    found = {}
    with os.scandir(procfs) as entries:
        for entry in entries:
            if entry.name.isdecimal():
                process = _read(f"{procfs}/{entry.name}/stat")
                if process is not None:
                    found[process.pid] = process
    return found


def _read(path: str) -> Process | None:
    try:
        # Two system calls fewer than a file object, for every process at every scrape.
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return None  # ended since the listing
    try:
        text = os.read(handle, 4096)
    except ProcessLookupError:
        return None
    finally:
        os.close(handle)
    # The name stands in brackets and may itself hold blanks and brackets.
    pid = int(text[: text.index(b" ")])
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in b"ZX":
        return None  # it has ended, and its parent has not looked yet
    ticks = sum(int(field) for field in fields[11:15])
    return Process(
        pid, int(fields[1]), ticks / TICKS, int(fields[21]) * PAGE, int(fields[19]) / TICKS
    )


def families(processes: Table, roots: Iterable[int]) -> set[int]:
    """The roots that live and everything below them."""
    children: dict[int, list[int]] = {}
    for process in processes.values():
        children.setdefault(process.parent, []).append(process.pid)
    found: set[int] = set()
    rest = [pid for pid in roots if pid in processes]
    while rest:
        pid = rest.pop()
        if pid not in found:
            found.add(pid)
            rest += children.get(pid, [])
    return found


def command_line(procfs: Path, pid: int) -> str:
    """The arguments joined by blanks; empty for a kernel thread or one that is gone."""
    try:
        raw = (procfs / str(pid) / "cmdline").read_bytes()
    except OSError:
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip()


def open_files(procfs: Path, pid: int) -> int | None:
    """How many descriptors it holds; None where we may not look."""
    try:
        with os.scandir(procfs / str(pid) / "fd") as entries:
            return sum(1 for _ in entries)
    except OSError:
        return None
