"""From what a manager says to what is exported: the figures of the processes themselves, read from the machine."""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter import portable
from exporter.collectors.process_sources.base import Reading
from exporter.proc import kernel, limits, processes
from exporter.proc.processes import Process, Table, families


class Snapshot:
    """The machine's processes at one moment."""

    def __init__(self, procfs: Path) -> None:
        self._procfs = procfs
        linux = sys.platform == "linux"
        self._command_line = processes.command_line if linux else portable.command_line
        self._open_files = processes.open_files if linux else portable.open_files
        self._memory_limit = limits.memory_limit if linux else portable.memory_limit
        self.processes: Table = (processes.table if linux else portable.table)(procfs)
        self.booted = (kernel.boot_time if linux else portable.booted)(procfs)

    def command_line(self, pid: int) -> str:
        return self._command_line(self._procfs, pid)

    def open_files(self, pids: Collection[int]) -> int | None:
        """Their sum; None as soon as we may not look into one."""
        counts = [self._open_files(self._procfs, pid) for pid in pids]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None

    def memory_limit(self, pids: Collection[int]) -> int | None:
        found = [self._memory_limit(self._procfs, pid) for pid in pids]
        return min((limit for limit in found if limit is not None), default=None)


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
    roots = [pid for pid in reading.roots if pid in snapshot.processes]
    pids = families(snapshot.processes, roots) if reading.family else set(roots)
    limit = limit or reading.memory_limit
    if not pids:
        # Also a manager in another PID namespace: it knows that it runs, we cannot see it.
        return Look(labels, reading.up, restarts=restarts, limit=limit)
    mine = [snapshot.processes[pid] for pid in pids]
    return Look(
        labels,
        reading.up,
        resident=sum(process.resident for process in mine),
        cpu=sum(process.cpu for process in mine),
        restarts=restarts,
        open_fds=snapshot.open_files(pids),
        started=snapshot.booted + min(_starts(roots, snapshot.processes)),
        limit=limit or snapshot.memory_limit(roots),
    )


def _starts(pids: Collection[int], known: Mapping[int, Process]) -> list[float]:
    return [known[pid].started for pid in pids]


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
