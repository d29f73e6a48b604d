"""From what a manager says to what is exported: the figures of the processes themselves, read from the machine."""

from __future__ import annotations

import sys
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

from exporter import portable
from exporter.collectors.process_sources.base import Reading
from exporter.proc import details, files, kernel, processes
from exporter.proc.command_lines import CommandLines
from exporter.proc.details import Details
from exporter.proc.groups import Member
from exporter.proc.limits import MemoryLimits
from exporter.proc.processes import ENDED, Process, Table, families

LINUX = sys.platform == "linux"


def remembered(procfs: Path) -> CommandLines:
    """The command lines of this machine, kept from scrape to scrape."""
    return CommandLines(partial(processes.command_line if LINUX else portable.command_line, procfs))


class Snapshot:
    """The machine's processes at one moment."""

    def __init__(self, procfs: Path, lines: CommandLines | None = None) -> None:
        self._procfs = procfs
        self._lines = lines or remembered(procfs)
        self._limits = MemoryLimits(procfs)
        self._details: dict[int, Details] = {}
        everything = (processes.table if LINUX else portable.table)(procfs)
        self.processes: Table = {
            pid: one for pid, one in everything.items() if one.state not in ENDED
        }
        self.zombies = [one for one in everything.values() if one.state == "Z"]
        self.booted = (kernel.boot_time if LINUX else portable.booted)(procfs)
        # The clock that the kernel stamps a process's start with: the wall's may have been set since.
        self.now = time.clock_gettime(time.CLOCK_BOOTTIME) if LINUX else time.time() - self.booted

    @cached_property
    def command_lines(self) -> Mapping[int, str]:
        return self._lines.of(self.processes, self.now)

    def within(self, pid: int, group: str) -> bool:
        try:
            return group in files.content(f"{self._procfs}/{pid}/cgroup")
        except OSError:
            return False

    def member(self, process: Process) -> Member:
        found = self._details.get(process.pid)
        if found is None:
            look = details.details if LINUX else portable.details
            found = self._details[process.pid] = look(self._procfs, process.pid)
        return Member(process, found)

    def members(self, pids: Iterable[int]) -> list[Member]:
        return [self.member(self.processes[pid]) for pid in pids]

    def memory_limit(self, pids: Collection[int]) -> int | None:
        return self._limits.of(pids) if LINUX else None

    def belonging(self, reading: Reading) -> set[int]:
        """The processes that live of what a source has named."""
        roots = [pid for pid in reading.roots if pid in self.processes]
        return families(self.processes, roots) if reading.family else set(roots)


@dataclass(frozen=True, slots=True)
class Look:
    """One entry at one scrape; None is not exported."""

    labels: tuple[str, str, str]
    up: bool
    resident: int | None = None
    cpu: float | None = None
    restarts: int | None = None
    open_fds: int | None = None
    started: float | None = None
    limit: int | None = None


def look(
    labels: tuple[str, str, str],
    reading: Reading,
    limit: int | None,
    restarts: int | None,
    snapshot: Snapshot,
) -> Look:
    pids = snapshot.belonging(reading)
    limit = limit or reading.memory_limit
    if not pids:
        return _unseen(labels, reading, limit, restarts)
    members = snapshot.members(pids)
    roots = [pid for pid in reading.roots if pid in snapshot.processes]
    return Look(
        labels,
        reading.up,
        resident=sum(member.process.resident for member in members),
        cpu=sum(member.process.cpu for member in members),
        restarts=restarts,
        open_fds=_all_open([member.details.open_files for member in members]),
        started=snapshot.booted + min(snapshot.processes[pid].started for pid in roots),
        # of a whole machine the tightest of all limits says nothing
        limit=limit or (None if reading.split else snapshot.memory_limit(roots)),
    )


def _unseen(
    labels: tuple[str, str, str], reading: Reading, limit: int | None, restarts: int | None
) -> Look:
    """Down, or in another PID namespace: its manager knows that it runs, and perhaps more; we cannot see it."""
    seen = reading.figures
    if seen is None:
        return Look(labels, reading.up, restarts=restarts, limit=limit)
    return Look(
        labels, reading.up, seen.resident, seen.cpu, restarts, started=seen.started, limit=limit
    )


def _all_open(counts: Collection[int | None]) -> int | None:
    """Their sum; None as soon as we may not look into one."""
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


class Restarts:
    """Counts restarts for a manager that does not: instances whose start has changed since the last look."""

    def __init__(self) -> None:
        self._starts: dict[str, set[float]] = {}
        self._counts: dict[str, int] = {}

    def of(self, name: str, reading: Reading) -> int | None:
        if reading.restarts is not None:
            return reading.restarts
        if reading.starts:
            now, before = set(reading.starts), self._starts.get(name)
            new = len(now - before) if before is not None else 0
            self._counts[name] = self._counts.get(name, 0) + new
            self._starts[name] = now
        return self._counts.get(name)
