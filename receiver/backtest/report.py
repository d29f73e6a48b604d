"""What the cases come to: by rung, by day, by hour, and where two playbooks would have wanted the same target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations

from receiver.backtest.cases import Acted, Case
from receiver.backtest.replay import Span
from receiver.decide.plan import Mode, Playbook, strictest

HOUR = 3600.0
DAY = 86400.0
NO_GUARD = frozenset({"holding", "no_playbook"})  # `for`, and nobody who would have acted


@dataclass
class Evidence:
    """One rung of one playbook. Every case whose turn was this rung's ended in one of: acted, cleared, human, waiting."""

    playbook: str
    rung: str
    action: str
    mode: str  # as the config has it
    reached: int = 0
    acted: int = 0  # cases; `actions` counts each target
    cleared: int = 0  # over by itself before it would have begun
    human: int = 0  # handed over instead of acting
    waiting: int = 0  # neither, when the time was over
    actions: int = 0
    helped: int = 0  # over within the time that verification gives
    refused: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two playbooks that wanted one target at the same time."""

    target: str
    at: float
    until: float
    playbooks: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Busiest:
    """The hour with most actions."""

    begins: float = 0.0
    actions: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The whole."""

    span: Span
    alerts: int
    episodes: int
    cases: Sequence[Case]
    rungs: Sequence[Evidence]
    unanswered: Mapping[str, int]
    refused: Mapping[str, int]
    human: Mapping[str, int]
    days: Mapping[str, int]
    busiest: Busiest
    conflicts: Sequence[Conflict]

    @property
    def actions(self) -> list[Acted]:
        """All of them, in order."""
        found = (acted for case in self.cases for acted in case.acted)
        return sorted(found, key=lambda one: one.at)


def report_of(
    cases: Sequence[Case],
    playbooks: Sequence[Playbook],
    ceiling: Mode,
    span: Span,
    heard: tuple[int, int],
) -> Report:
    """`heard` is how many alerts there were, and how often they fired."""
    answered = [case for case in cases if case.playbook]
    times = sorted(acted.at for case in cases for acted in case.acted)
    reasons = (one.reason for case in answered for one in case.refused)
    return Report(
        span=span,
        alerts=heard[0],
        episodes=heard[1],
        cases=cases,
        rungs=_evidence(answered, playbooks, ceiling),
        unanswered=_most(case.alertname for case in cases if not case.playbook),
        refused=_most(reason for reason in reasons if reason not in NO_GUARD),
        human=_most(case.escalated for case in answered if case.escalated),
        days=per_day(times, span),
        busiest=busiest(times),
        conflicts=list(conflicts(answered, span.end)),
    )


def _most(words: Iterable[str]) -> Mapping[str, int]:
    return dict(sorted(Counter(words).items(), key=lambda one: (-one[1], one[0])))


def _evidence(
    cases: Iterable[Case], playbooks: Sequence[Playbook], ceiling: Mode
) -> Sequence[Evidence]:
    found = {
        (book.name, rung.name): Evidence(
            book.name, rung.name, rung.action, str(strictest(ceiling, book.mode, rung.mode))
        )
        for book in playbooks
        for rung in book.ladder
    }
    for case in cases:
        for rung in case.rungs:
            _count(found[case.playbook, rung], case)
    return list(found.values())


def _count(evidence: Evidence, case: Case) -> None:
    rung = evidence.rung
    actions = sum(one.rung == rung for one in case.acted)
    evidence.reached += 1
    evidence.actions += actions
    evidence.helped += case.helped == rung
    for reason in (one.reason for one in case.refused if one.rung == rung):
        if reason not in NO_GUARD:
            evidence.refused[reason] = evidence.refused.get(reason, 0) + 1
    if actions:
        evidence.acted += 1
    elif case.escalated:
        evidence.human += 1
    elif case.cleared:
        evidence.cleared += 1
    else:
        evidence.waiting += 1


def per_day(times: Iterable[float], span: Span) -> Mapping[str, int]:
    """Every day (UTC) that the time touches, those without an action too."""
    first = int(span.start // DAY)
    days = {_day(day * DAY): 0 for day in range(first, max(first, int(span.end // DAY)) + 1)}
    for at in times:
        days[_day(at)] = days.get(_day(at), 0) + 1
    return days


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def busiest(times: Sequence[float]) -> Busiest:
    """The hour that has most of these, beginning with one of them; the earliest of several. `times` are in order."""
    worst, last = Busiest(), 0
    for first, begins in enumerate(times):
        while last < len(times) and times[last] < begins + HOUR:
            last += 1
        if last - first > worst.actions:
            worst = Busiest(begins, last - first)
    return worst


def conflicts(cases: Iterable[Case], end: float) -> Iterator[Conflict]:
    """In the order of their beginning."""
    found = (
        conflict
        for target, wanting in _wanting(cases, end).items()
        for one, other in combinations(wanting, 2)
        if (conflict := _between(target, one, other)) is not None
    )
    yield from sorted(found, key=lambda conflict: (conflict.at, conflict.target))


_Want = tuple[float, float, str]


def _between(target: str, one: _Want, other: _Want) -> Conflict | None:
    at, until = max(one[0], other[0]), min(one[1], other[1])
    if one[2] == other[2] or at >= until:
        return None
    first, second = sorted((one, other))
    return Conflict(target, at, until, (first[2], second[2]))


def _wanting(cases: Iterable[Case], end: float) -> Mapping[str, list[_Want]]:
    """Of each target, from when to when which playbook wanted it."""
    wants: dict[str, list[_Want]] = {}
    for case in cases:
        asked = [(one.target, one.at) for one in case.acted]
        asked += [(one.target, one.at) for one in case.refused if one.reason not in NO_GUARD]
        since: dict[str, float] = {}
        for target, at in asked:
            if target:
                since[target] = min(at, since.get(target, at))
        for target, at in since.items():
            over = end if case.closed is None else case.closed
            wants.setdefault(target, []).append((at, over, case.playbook))
    return wants
