"""Which processes stand together under process-exporter's names: an entry's, or those of one command.

Commands come from whoever starts a process, so only so many of them become groups: the largest first, each for as long as
one of its processes lives. The rest is `other`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from exporter.collectors.process_sources.base import Reading
from exporter.collectors.process_sources.look import Snapshot
from exporter.proc.groups import Group
from exporter.proc.processes import Process
from prunella.cardinality import Bounded


class Commands:
    """The commands that have a group of their own, by entry."""

    def __init__(self) -> None:
        self._kept: dict[str, set[str]] = {}

    def grouped(
        self, entry: str, processes: Sequence[Process], most: int
    ) -> Mapping[str, list[Process]]:
        """By command, at most so many and `other`."""
        named: dict[str, list[Process]] = {}
        for process in processes:
            named.setdefault(process.name, []).append(process)
        had = self._kept.get(entry, set())
        bounded, found = Bounded("namedprocess_namegroup", most), dict[str, list[Process]]()
        for name in sorted(named, key=lambda name: (name not in had, -_resident(named[name]))):
            found.setdefault(bounded(name), []).extend(named[name])
        self._kept[entry] = found.keys() & named.keys()
        return found


def _resident(processes: Iterable[Process]) -> int:
    return sum(process.resident for process in processes)


def groups(
    readings: Mapping[str, Reading], snapshot: Snapshot, commands: Commands
) -> Collection[Group]:
    """All groups of this moment: what an entry has by itself is in no command's group."""
    found: dict[str, Group] = {}
    taken: set[int] = set()
    for name, reading in readings.items():
        if not reading.split:
            pids = snapshot.belonging(reading)
            taken |= pids
            found[name] = Group(name, snapshot.members(pids), _zombies(pids, snapshot))
    for name, reading in readings.items():
        if reading.split:
            rest = [snapshot.processes[pid] for pid in snapshot.belonging(reading) - taken]
            for command, members in commands.grouped(name, rest, reading.split).items():
                group = found.setdefault(command, Group(command))
                group.members += map(snapshot.member, members)
    return found.values()


def _zombies(pids: Collection[int], snapshot: Snapshot) -> int:
    """Children that have ended and that none of these processes has asked for."""
    return sum(zombie.parent in pids for zombie in snapshot.zombies)
