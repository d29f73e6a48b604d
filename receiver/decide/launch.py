"""The launch watch: how closely a release is looked at while it is young, when next, and what counts as worse.

A phase says until when after the deploy, and how often. A signal is worse only when it is both so many times and so much
more than before: a ratio alone would make a catastrophe of the step from one to three failures a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import floor
from typing import Annotated

from pydantic import Field, field_validator

from prunella.service.settings import Duration, Settings, Size
from prunella.service.units import at_least, format_duration

HOUR = 3600.0
MOST = 1000  # checkpoints of one watch


class Phase(Settings):
    """Until so long after the deploy a checkpoint is due every so often."""

    until: Annotated[Duration, at_least("1s")]
    every: Annotated[Duration, at_least("1s")]


PHASES = (
    Phase.model_construct(until=6 * HOUR, every=HOUR / 4),
    Phase.model_construct(until=24 * HOUR, every=HOUR / 2),
    Phase.model_construct(until=72 * HOUR, every=4 * HOUR),
)


class Threshold(Settings):
    """What is worse: more than `ratio` times the baseline, and by more than `floor`. Above `ceiling` nothing is healthy,
    whatever it was before; such a value never becomes the baseline."""

    judged: bool = True
    ratio: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] = 1.5
    query: Annotated[str, Field(min_length=1)] | None = None

    def bounds(self) -> tuple[float, float | None]:
        """The floor and the ceiling; each kind of signal has its own unit for them."""
        raise NotImplementedError

    def limit(self, baseline: float) -> float:
        """What is not yet worse than that baseline."""
        smallest, _ = self.bounds()
        return max(baseline * self.ratio, baseline + smallest)


Share = Annotated[float, Field(ge=0, le=1)]


class ShareThreshold(Threshold):
    """Of a share, between 0 and 1."""

    floor: Share
    ceiling: Share | None = None

    def bounds(self) -> tuple[float, float | None]:
        return self.floor, self.ceiling


class TimeThreshold(Threshold):
    """Of a duration."""

    floor: Duration
    ceiling: Duration | None = None

    def bounds(self) -> tuple[float, float | None]:
        return self.floor, self.ceiling


class SizeThreshold(Threshold):
    """Of bytes."""

    floor: Size
    ceiling: Size | None = None

    def bounds(self) -> tuple[float, float | None]:
        return float(self.floor), None if self.ceiling is None else float(self.ceiling)


class CountThreshold(Threshold):
    """Of a number of things."""

    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    ceiling: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None

    def bounds(self) -> tuple[float, float | None]:
        return self.floor, self.ceiling


class Errors(ShareThreshold):
    """Of requests that are answered with a 5xx."""

    ratio: Annotated[float, Field(ge=1, le=1000)] = 2.0
    floor: Share = 0.01
    ceiling: Share | None = 0.05


class P95(TimeThreshold):
    """What one request in twenty takes longer than."""

    floor: Duration = 0.1
    ceiling: Duration | None = 5.0


class P99(TimeThreshold):
    """What one request in a hundred takes longer than."""

    floor: Duration = 0.25
    ceiling: Duration | None = 10.0


class Memory(SizeThreshold):
    """What the processes of the service hold together."""

    floor: Size = 64 * 1024 * 1024
    ceiling: Size | None = None


class QueueLag(CountThreshold):
    """Jobs that wait in the longest of the service's queues."""

    ratio: Annotated[float, Field(ge=1, le=1000)] = 2.0
    floor: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 50.0
    ceiling: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class ProbeFailures(ShareThreshold):
    """Of the looks from outside that found no answer."""

    ratio: Annotated[float, Field(ge=1, le=1000)] = 2.0
    floor: Share = 0.05
    ceiling: Share | None = 0.2


class SignalSettings(Settings):
    """What is looked at; each with its own thresholds, and a query where the names are others."""

    errors: Errors = Field(default_factory=Errors)
    p95: P95 = Field(default_factory=P95)
    p99: P99 = Field(default_factory=P99)
    memory: Memory = Field(default_factory=Memory)
    queue_lag: QueueLag = Field(default_factory=QueueLag)
    probe_failures: ProbeFailures = Field(default_factory=ProbeFailures)


class LaunchWatch(Settings):
    """`launch_watch:`. Of requests, `window` is what a checkpoint looks back over, `baseline` what came before the deploy."""

    phases: Annotated[tuple[Phase, ...], Field(min_length=1)] = PHASES
    window: Annotated[Duration, at_least("1s")] = 300.0
    baseline: Annotated[Duration, at_least("1s")] = HOUR
    min_traffic: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.05  # requests a second
    traffic: Annotated[str, Field(min_length=1)] | None = None
    signals: SignalSettings = Field(default_factory=SignalSettings)

    @field_validator("phases")
    @classmethod
    def _one_after_the_other(cls, phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        for number, (before, after) in enumerate(pairwise(phases), start=2):
            if after.until <= before.until:
                ends, last = format_duration(after.until), format_duration(before.until)
                raise ValueError(
                    f"phase {number} ends at {ends}, which is not after the one before it ({last}): "
                    "each `until` counts from the deploy"
                )
        many = _count(phases)
        if many > MOST:
            raise ValueError(f"these are {many:.0f} checkpoints, at most {MOST}: look less often")
        return phases

    def threshold(self, signal: str) -> Threshold:
        """Of the signal of that name."""
        found: Threshold = getattr(self.signals, signal)
        return found


def _count(phases: Sequence[Phase]) -> float:
    begins = (0.0, *(one.until for one in phases))
    return sum((one.until - at) / one.every for at, one in zip(begins, phases, strict=False))


@dataclass(frozen=True, slots=True)
class Moment:
    """In which phase a release is, the first being 1, and when it is to be looked at; unix seconds."""

    phase: int
    due: float
    last: bool = False


def phase(watch: Sequence[Phase], deployed_at: float, now: float) -> Moment | None:
    """The phase it is in, and the next checkpoint. None when the watch is over; a clock that was set back is at its
    beginning."""
    age, began = max(0.0, now - deployed_at), 0.0
    for number, one in enumerate(watch, start=1):
        if age < one.until:
            passed = floor((age - began) / one.every)
            due_in = min(one.until, began + (passed + 1) * one.every)
            return Moment(number, deployed_at + due_in)
        began = one.until
    return None


@lru_cache(maxsize=16)
def moments(phases: tuple[Phase, ...]) -> tuple[Moment, ...]:
    """Every checkpoint of a watch, in seconds after the deploy; a phase's last is at its end."""
    found: list[Moment] = []
    began = 0.0
    for number, one in enumerate(phases, start=1):
        steps = range(1, floor((one.until - began) / one.every) + 1)
        inside = [at for step in steps if (at := began + step * one.every) < one.until]
        found += [Moment(number, at) for at in inside]
        found.append(Moment(number, one.until, number == len(phases)))
        began = one.until
    return tuple(found)


def due(
    phases: tuple[Phase, ...], deployed_at: float, *, first: float, taken: float | None, now: float
) -> Moment | None:
    """The latest checkpoint that is due and was not taken: it makes up for those that were missed before it.

    None is due before `first`, except the last of all: also a deploy that took longer than its watch is looked at once.
    A watch that was made shorter than it has lasted already has its last one now.
    """
    for one in reversed(moments(phases)):
        at = deployed_at + one.due
        if at > now or not (at >= first or one.last):
            continue
        if taken is None or at > taken:
            return Moment(one.phase, at, one.last)
        return Moment(one.phase, now, last=True) if one.last and now > taken else None
    return None
