"""Every process of the machine in one pass over /proc: one short file each, whatever is asked of them afterwards."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter.proc.files import record
from exporter.proc.kernel import TICKS

PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
ENDED = frozenset("ZX")
_KERNELS_OWN = 0x00200000  # PF_KTHREAD


@dataclass(slots=True)
class Process:
    """One process. What a table without /proc cannot say stays at nothing."""

    pid: int
    parent: int
    user: float
    system: float
    resident: int
    started: float  # seconds after the machine's start
    ended: float = 0.0  # CPU of its children that have ended
    virtual: int = 0
    threads: int = 1
    minor: int = 0
    major: int = 0
    name: str = ""
    state: str = "S"
    kernels: bool = False  # a thread of the kernel, which has no command line and no files

    @property
    def cpu(self) -> float:
        """With that of its children that have ended, so that a family's sum never falls."""
        return self.user + self.system + self.ended

    @property
    def key(self) -> tuple[int, float]:
        """Who it is: the kernel gives a pid to somebody else some time after its process has ended."""
        return self.pid, self.started


Table = Mapping[int, Process]


def table(procfs: Path) -> dict[int, Process]:
    """All processes that were there during the pass; those that have ended and wait for their parent are among them."""
    found = {}
    for entry in os.listdir(procfs):  # noqa: PTH208 - a Path for each process would cost more than its file
        if entry.isdecimal():
            process = _read(f"{procfs}/{entry}/stat")
            if process is not None:
                found[process.pid] = process
    return found


def _read(path: str) -> Process | None:
    text = record(path)
    if not text:
        return None  # ended since the listing
    # The name stands in brackets and may itself hold blanks, brackets and bytes that are no text.
    opened, closed = text.index(b"("), text.rindex(b")")
    field = text[closed + 2 :].split()
    return Process(
        int(text[:opened]),
        int(field[1]),
        int(field[11]) / TICKS,
        int(field[12]) / TICKS,
        int(field[21]) * PAGE,
        int(field[19]) / TICKS,
        (int(field[13]) + int(field[14])) / TICKS,
        int(field[20]),
        int(field[17]),
        int(field[7]),
        int(field[9]),
        text[opened + 1 : closed].decode("utf-8", "replace"),
        chr(field[0][0]),
        bool(int(field[6]) & _KERNELS_OWN),
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
    text = record(f"{procfs}/{pid}/cmdline")
    return text.replace(b"\0", b" ").decode(errors="replace").strip()
