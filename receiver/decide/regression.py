"""Is the new release worse than what was before it? Pure: figures and a baseline in, a finding with its reasons out.

What could not be seen is never a pass. A signal that this service never had (no queue, no probes) is not held against it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from receiver.decide.launch import LaunchWatch
from receiver.decide.signals import SIGNALS, digits, shown


class Finding(StrEnum):
    """What a checkpoint, or one signal of it, says of the release."""

    PASS = "pass"  # noqa: S105 - a finding, not a password
    DEGRADED = "degraded"
    INCONCLUSIVE = "inconclusive"


class Source(StrEnum):
    """Where a baseline is from."""

    BEFORE = "before the deploy"
    CARRIED = "the watch before this one"
    CHECKPOINT = "the first healthy checkpoint"


@dataclass(frozen=True, slots=True)
class Base:
    """What one signal was when all was well; `at` is unix seconds."""

    value: float
    source: Source
    at: float


Baseline = Mapping[str, Base]


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure, or none; with a `problem` when nobody could be asked, and without one when there was nothing to find."""

    value: float | None = None
    problem: str = ""

    @classmethod
    def of(cls, values: Sequence[float]) -> Measured:
        """The worst of an answer's values; what is not a number is no data."""
        found = [one for one in values if math.isfinite(one)]
        return cls(max(found) if found else None)


NOTHING = Measured()


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was measured at one moment, or as a mean over a stretch; traffic in requests a second."""

    traffic: Measured = NOTHING
    signals: Mapping[str, Measured] = field(default_factory=dict)

    @property
    def problem(self) -> str:
        """Why some of it could not be asked for; empty when all could be."""
        each = (self.traffic, *self.signals.values())
        return next((one.problem for one in each if one.problem), "")


@dataclass(frozen=True, slots=True)
class Judged:
    """One signal at one checkpoint. One that is not `counted` says nothing for or against the release."""

    signal: str
    finding: Finding
    why: str
    value: float | None = None
    base: Base | None = None
    limit: float | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a checkpoint comes to; `gained` is what it adds to the baseline."""

    finding: Finding
    signals: tuple[Judged, ...]
    gained: Baseline = field(default_factory=dict)


def judge(seen: Seen, baseline: Baseline, watch: LaunchWatch, at: float) -> Judgement:
    """Every signal against its baseline, or against what is healthy at all where there is none yet."""
    judged = tuple(_judged(name, seen, baseline.get(name), watch) for name in seen.signals)
    finding = overall(judged)
    first = () if finding is Finding.DEGRADED else _first_ones(judged)
    gained = {name: Base(value, Source.CHECKPOINT, at) for name, value in first}
    return Judgement(finding, judged, gained)


def overall(judged: Sequence[Judged]) -> Finding:
    """One word for all: what is worse outweighs what could not be seen, and that outweighs what is well."""
    findings = {one.finding for one in judged if one.counted}
    for word in (Finding.DEGRADED, Finding.INCONCLUSIVE, Finding.PASS):
        if word in findings:
            return word
    return Finding.INCONCLUSIVE


def baseline_before(seen: Seen, watch: LaunchWatch, at: float) -> Baseline:
    """What the stretch before the deploy gives: nothing at all unless it was healthy, and nothing that is of requests
    unless there were some."""
    known = {
        name: one.value
        for name, one in seen.signals.items()
        if one.value is not None and (not SIGNALS[name].of_requests or enough(seen, watch))
    }
    if any(_unhealthy(name, value, watch) for name, value in known.items()):
        return {}
    return {name: Base(value, Source.BEFORE, at) for name, value in known.items()}


def enough(seen: Seen, watch: LaunchWatch) -> bool:
    """Whether there was traffic that says something."""
    return seen.traffic.value is not None and seen.traffic.value >= watch.min_traffic


def _first_ones(judged: Sequence[Judged]) -> Iterator[tuple[str, float]]:
    for one in judged:
        if one.base is None and one.value is not None and one.finding is Finding.PASS:
            yield one.signal, one.value


def _judged(name: str, seen: Seen, base: Base | None, watch: LaunchWatch) -> Judged:
    blind = _blind(name, seen, base, watch)
    if isinstance(blind, Judged):
        return blind
    value, threshold = blind, watch.threshold(name)
    unit = SIGNALS[name].unit
    if base is None:
        if _unhealthy(name, value, watch):
            _, most = threshold.bounds()
            why = f"above {shown(unit, most or 0.0)}, which is not healthy; no baseline yet"
            return Judged(name, Finding.DEGRADED, why, value, limit=most)
        return Judged(name, Finding.PASS, "healthy; no baseline yet", value)
    limit = threshold.limit(base.value)
    worse = value > limit
    relation = "above" if worse else "within"
    why = f"{relation} the limit of {shown(unit, limit)}; the baseline is {shown(unit, base.value)}"
    finding = Finding.DEGRADED if worse else Finding.PASS
    return Judged(name, finding, why, value, base, limit)


def _blind(name: str, seen: Seen, base: Base | None, watch: LaunchWatch) -> Judged | float:
    """The value; or why nothing can be said."""
    one, of_requests = seen.signals[name], SIGNALS[name].of_requests
    traffic = seen.traffic

    def unseen(why: str, *, counted: bool = True) -> Judged:
        limit = None if base is None else watch.threshold(name).limit(base.value)
        return Judged(name, Finding.INCONCLUSIVE, why, one.value, base, limit, counted)

    if one.problem or (of_requests and traffic.problem):
        return unseen(one.problem or traffic.problem)
    if of_requests and traffic.value is not None and traffic.value < watch.min_traffic:
        least = digits(watch.min_traffic)
        return unseen(f"too little traffic: {digits(traffic.value)} requests/s, {least} are needed")
    if one.value is None or not math.isfinite(one.value):
        known = base is not None or (of_requests and traffic.value is not None)
        return unseen("no data" if known else "no data, and none before", counted=known)
    if of_requests and traffic.value is None:
        return unseen("it is not known whether there is traffic")
    return one.value


def _unhealthy(name: str, value: float, watch: LaunchWatch) -> bool:
    _, most = watch.threshold(name).bounds()
    return most is not None and value > most
