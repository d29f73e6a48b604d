"""Named processes: up or not, memory, CPU, descriptors, restarts, whoever manages them.

A managed process counts with everything it started: what leaks is a worker more often than its master.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

from prometheus_client.metrics_core import Metric
from pydantic import PlainValidator, SerializeAsAny, ValidationError, ValidationInfo

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.collectors.process_sources import SOURCES
from exporter.collectors.process_sources.base import DOWN, ODD, Entry, Reading, SourceError
from exporter.collectors.process_sources.grouping import Commands, groups
from exporter.collectors.process_sources.look import Look, Restarts, Snapshot, look, remembered
from exporter.families import counter, gauge
from exporter.proc.groups import Used, group_families
from exporter.threads import in_thread
from prunella.service.problems import mistake

LABELS = ("name", "manager", "service")
PROCFS = Path("/proc")
MANAGERS = [name for name in SOURCES if name != "match"]
FAMILIES = (
    (
        "up",
        "up",
        "Whether the process runs: every instance that its manager knows, or any match.",
        gauge,
    ),
    (
        "resident_memory_bytes",
        "resident",
        "Memory in RAM of the process and all it started.",
        gauge,
    ),
    ("cpu_seconds_total", "cpu", "CPU time of the process and all it started.", counter),
    (
        "restarts_total",
        "restarts",
        "Restarts as the manager counts them; where it does not, those seen since the exporter started.",
        counter,
    ),
    ("open_fds", "open_fds", "Open file descriptors of the process and all it started.", gauge),
    ("start_time_seconds", "started", "Unix time at which the oldest instance was started.", gauge),
    (
        "memory_limit_bytes",
        "limit",
        "Memory at which something stops it: as configured, else the manager's, the control group's or its own limit.",
        gauge,
    ),
)


def _entry(given: object, info: ValidationInfo) -> Entry:
    """The entry as its source's model; `match` stands in place of a manager."""
    if not isinstance(given, Mapping):
        raise ValueError("must have keys such as name and manager")  # noqa: TRY004 - pydantic collects ValueError only
    if not {"manager", "match"} & given.keys():
        raise ValueError(f"needs `match`, or `manager`, one of {', '.join(MANAGERS)}")
    manager = str(given.get("manager", "match"))
    if manager not in SOURCES:
        message = f"{manager!r} is not one of {', '.join(MANAGERS)}"
        raise ValidationError.from_exception_data("entry", [mistake(("manager",), message)])
    return SOURCES[manager].model_validate(given, context=info.context)


# Shown with all keys of its own kind, not only those that all kinds share.
ENTRY = Annotated[Entry, PlainValidator(_entry), SerializeAsAny()]


class Processes:
    def __init__(self, options: Sequence[Entry], world: World) -> None:
        self._entries, self._world = options, world
        self._restarts, self._lines = Restarts(), remembered(PROCFS)
        self._commands, self._used = Commands(), Used()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def collect(self, deadline: float) -> Collected:
        snapshot = await in_thread(lambda: Snapshot(PROCFS, self._lines))
        groups: dict[Hashable, list[Entry]] = {}
        for entry in self._entries:
            groups.setdefault(entry.source(), []).append(entry)
        answers = await asyncio.gather(
            *(_ask(group, snapshot, ahead_of(deadline)) for group in groups.values())
        )
        readings = {name: reading for known, _ in answers for name, reading in known.items()}
        problems = tuple(problem for _, problem in answers if problem)
        return Collected(await in_thread(lambda: self._all(readings, snapshot)), problems)

    def _all(self, readings: Mapping[str, Reading], snapshot: Snapshot) -> tuple[Metric, ...]:
        ours = _families(self._look(readings, snapshot))
        together = list(groups(readings, snapshot, self._commands))
        used = self._used.add(together, snapshot.now)
        return (*ours, *group_families(together, used, snapshot.booted))

    def _look(self, readings: Mapping[str, Reading], snapshot: Snapshot) -> list[Look]:
        looks = []
        for entry in self._entries:
            reading = readings[entry.name]
            labels = entry.name, entry.manager, entry.service or self._world.service
            restarts = self._restarts.of(entry.name, reading)
            looks.append(look(labels, reading, entry.memory_limit, restarts, snapshot))
        return looks

    def down(self) -> Iterable[Metric]:
        return _families(
            [
                Look((entry.name, entry.manager, entry.service or self._world.service), up=False)
                for entry in self._entries
            ]
        )


async def _ask(
    group: Sequence[Entry], snapshot: Snapshot, until: float
) -> tuple[Mapping[str, Reading], str]:
    """What one source says; when it cannot be asked, its entries are down and the others are not."""
    down = dict.fromkeys((entry.name for entry in group), DOWN)
    try:
        async with asyncio.timeout_at(until):
            return await type(group[0]).read(group, snapshot), ""
    except SourceError as error:
        return down, str(error)
    except TimeoutError:
        return down, f"{group[0].manager}: no answer in time"
    except ODD as error:
        # The answer's text may hold an app's environment: only the kind of surprise is said.
        return down, f"{group[0].manager}: not the answer expected ({type(error).__name__})"


def _families(looks: Sequence[Look]) -> tuple[Metric, ...]:
    return tuple(
        family(
            f"prunella_process_{name}",
            text,
            LABELS,
            [(seen.labels, value) for seen in looks if (value := getattr(seen, field)) is not None],
        )
        for name, field, text, family in FAMILIES
    )


PROCESSES: Kind[Sequence[Entry]] = Kind(entries(ENTRY), Processes)
