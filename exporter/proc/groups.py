"""Processes by group, under process-exporter's names, with its meaning of them.

A counter of a group is what its processes have used since we first looked, and never falls when one of them ends; a
process that was started later counts from its beginning. A group that nothing configures and nobody is in any more is
gone, with its counters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric

from exporter.families import counter, gauge
from exporter.proc.details import Details
from exporter.proc.processes import Process

STATES = {"R": "Running", "S": "Sleeping", "I": "Sleeping", "D": "Waiting", "Z": "Zombie"}
_ALL_STATES = ("Running", "Sleeping", "Waiting", "Zombie", "Other")
_COUNTED = 8  # the figures of `_counts`


@dataclass(slots=True)
class Member:
    """One process of a group."""

    process: Process
    details: Details


@dataclass(slots=True)
class Group:
    """Who is in it now; `zombies` have ended and wait for their parent."""

    name: str
    members: list[Member] = field(default_factory=list)
    zombies: int = 0


Counts = list[float]
Who = tuple[str, int, float]


class Used:
    """What each group's processes have used, kept from look to look."""

    def __init__(self) -> None:
        self._last: dict[Who, Counts] = {}
        self._totals: dict[str, Counts] = {}
        self._began: float | None = None

    def add(self, groups: Sequence[Group], now: float) -> Mapping[str, Counts]:
        """The totals of these groups, `now` seconds after the machine's start; of all others they are forgotten."""
        began = self._began
        last: dict[Who, Counts] = {}
        totals: dict[str, Counts] = {}
        for group in groups:
            total = totals[group.name] = self._totals.get(group.name, [0.0] * _COUNTED)
            for member in group.members:
                process = member.process
                who = group.name, process.pid, process.started
                counts = last[who] = _counts(member)
                before = self._last.get(who)
                if before is None:
                    # One that was there before us has used what it has before we counted.
                    before = counts if began is None or process.started < began else None
                _add(total, counts, before)
        if began is None:
            self._began = now
        self._last, self._totals = last, totals
        return totals


def _counts(member: Member) -> Counts:
    process, details = member.process, member.details
    return [
        process.user, process.system, process.major, process.minor, details.voluntary or 0,
        details.involuntary or 0, details.read or 0, details.written or 0,
    ]  # fmt: skip


def _add(total: Counts, now: Counts, before: Counts | None) -> None:
    if now == before:
        return  # most processes have done nothing
    for at, value in enumerate(now):
        total[at] += max(0.0, value - before[at]) if before is not None else value


def group_families(
    groups: Sequence[Group], used: Mapping[str, Counts], booted: float
) -> Iterator[Metric]:
    """Everything of these groups; `booted` is when the machine was started."""
    yield from _levels(groups, booted)
    yield from _counters([(group.name, group, used[group.name]) for group in groups])


def _levels(groups: Sequence[Group], booted: float) -> Iterator[Metric]:
    named = [(group.name, group.members) for group in groups]
    living = [(name, members) for name, members in named if members]
    one = ("groupname",)
    yield gauge(
        "namedprocess_namegroup_num_procs", "number of processes in this group", one,
        [((name,), len(members)) for name, members in named],
    )  # fmt: skip
    yield gauge(
        "namedprocess_namegroup_num_threads", "Number of threads", one,
        [((name,), sum(m.process.threads for m in members)) for name, members in living],
    )  # fmt: skip
    yield gauge(
        "namedprocess_namegroup_oldest_start_time_seconds",
        "start time in seconds since 1970/01/01 of oldest process in group", one,
        [((name,), int(booted + min(m.process.started for m in members))) for name, members in living],
    )  # fmt: skip
    yield gauge(
        "namedprocess_namegroup_memory_bytes", "number of bytes of memory in use",
        ("groupname", "memtype"),
        [((name, kind), value) for name, members in living for kind, value in _memory(members)],
    )  # fmt: skip
    yield gauge(
        "namedprocess_namegroup_states",
        "Number of processes in states Running, Sleeping, Waiting, Zombie, or Other",
        ("groupname", "state"),
        [((group.name, state), count) for group in groups for state, count in _states(group)],
    )  # fmt: skip
    yield from _files(living)


def _memory(members: Sequence[Member]) -> Iterator[tuple[str, float]]:
    yield "resident", sum(member.process.resident for member in members)
    yield "virtual", sum(member.process.virtual for member in members)
    yield "swapped", sum(member.details.swapped or 0 for member in members)


def _states(group: Group) -> Iterable[tuple[str, int]]:
    found = dict.fromkeys(_ALL_STATES, 0)
    for member in group.members:
        found[STATES.get(member.process.state, "Other")] += 1
    found["Zombie"] += group.zombies
    return found.items()


def _files(living: Sequence[tuple[str, Sequence[Member]]]) -> Iterator[Metric]:
    """Only where all of a group's processes let us look: a part of the sum would be a wrong one."""
    seen = [
        (name, [(m.details.open_files, m.details.most_files) for m in members])
        for name, members in living
        if all(member.details.open_files is not None for member in members)
    ]
    yield gauge(
        "namedprocess_namegroup_open_filedesc", "number of open file descriptors for this group",
        ("groupname",), [((name,), sum(held or 0 for held, _ in all_)) for name, all_ in seen],
    )  # fmt: skip
    yield gauge(
        "namedprocess_namegroup_worst_fd_ratio",
        "the worst (closest to 1) ratio between open fds and max fds among all procs in this group",
        ("groupname",),
        [((name,), max((held or 0) / most if most else 0.0 for held, most in all_)) for name, all_ in seen],
    )  # fmt: skip


def _counters(known: Sequence[tuple[str, Group, Counts]]) -> Iterator[Metric]:
    prefix, one = "namedprocess_namegroup_", ("groupname",)
    yield counter(
        f"{prefix}cpu_seconds_total", "Cpu user usage in seconds", ("groupname", "mode"),
        [((n, mode), c[at]) for n, _, c in known for at, mode in enumerate(("user", "system"))],
    )  # fmt: skip
    faults = (("major", "Major page faults", 2), ("minor", "Minor page faults", 3))
    for kind, text, at in faults:
        name = f"{prefix}{kind}_page_faults_total"
        yield counter(name, text, one, [((n,), c[at]) for n, _, c in known])
    yield counter(
        f"{prefix}context_switches_total", "Context switches", ("ctxswitchtype", "groupname"),
        [((kind, n), c[at]) for n, _, c in known for at, kind in ((4, "voluntary"), (5, "nonvoluntary"))],
    )  # fmt: skip
    readable = [(n, c) for n, group, c in known if _io_is_known(group)]
    for kind, word, at in (("read", "read", 6), ("write", "written", 7)):
        text = f"number of bytes {word} by this group"
        rows = [((n,), c[at]) for n, c in readable]
        yield counter(f"{prefix}{kind}_bytes_total", text, one, rows)


def _io_is_known(group: Group) -> bool:
    return all(member.details.read is not None for member in group.members)
