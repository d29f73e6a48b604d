"""When alerts fired, as stretches of time; whoever remembers them (Prometheus, a journal, deliveries) is read into these."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prunella.timestamps import timestamp

GO_ZERO = "0001-01-01T00:00:00Z"


class HistoryError(Exception):
    """What was asked cannot tell; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """One alert from its first firing to its end; None when it had none yet."""

    labels: Mapping[str, str]
    begins: float
    ends: float | None


@dataclass(frozen=True, slots=True)
class Heard:
    """One element of `alerts` as Alertmanager writes it, and when it came."""

    at: float
    alert: Mapping[str, Any]


def stretches(
    labels: Mapping[str, str], times: Iterable[float], step: float, end: float
) -> Iterator[Stretch]:
    """Samples in their order, `step` apart: a missing one ends a stretch, at the moment where it is missing.

    What still fires at the last look before `end` has no end.
    """
    begins: float | None = None
    last = 0.0
    for at in times:
        if begins is not None and at - last > step * 1.5:
            yield Stretch(labels, begins, last + step)
            begins = None
        begins = at if begins is None else begins
        last = at
    if begins is not None:
        over = last + step
        yield Stretch(labels, begins, over if over <= end else None)


def heard(history: Sequence[Stretch]) -> list[Heard]:
    """What Alertmanager would have sent, each at once, in order; what ends at a moment comes before what begins."""
    told: list[Heard] = []
    for one in history:
        told.append(Heard(one.begins, firing(one.labels, one.begins)))
        if one.ends is not None:
            told.append(Heard(one.ends, over(one.labels, one.begins, one.ends)))
    return sorted(told, key=lambda each: (each.at, each.alert["status"] == "firing"))


def firing(labels: Mapping[str, str], begins: float) -> Mapping[str, Any]:
    """An element of `alerts` that fires."""
    return {
        "status": "firing",
        "labels": dict(labels),
        "startsAt": timestamp(begins),
        "endsAt": GO_ZERO,
    }


def over(labels: Mapping[str, str], begins: float, ends: float) -> Mapping[str, Any]:
    """The same, at its end."""
    return {**firing(labels, begins), "status": "resolved", "endsAt": timestamp(ends)}
