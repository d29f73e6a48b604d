"""Maintenance windows: for a while, what matches is somebody's work and not a breakdown, so nothing is repaired.

A window says nothing about Alertmanager's own notifications. What it holds back is our repairs, and only of incidents
all of whose alerts it covers: one alert that nobody announced is reason enough to ask the guards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.matchers import Matcher, Op, matches_all


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of announced work; times in unix seconds, `id` is the journal's."""

    matchers: tuple[Matcher, ...]
    began: float
    until: float
    reason: str
    by: str
    id: int = 0


def covered_until(
    windows: Sequence[Window], alerts: Iterable[Mapping[str, str]], now: float
) -> float | None:
    """When the first of the alerts stops being covered; None when one is not covered now, or there is none."""
    ends: list[float] = []
    for labels in alerts:
        matching = [
            window.until
            for window in windows
            if window.until > now and window.matchers and matches_all(window.matchers, labels)
        ]
        if not matching:
            return None
        ends.append(max(matching))
    return min(ends, default=None)


def whole_services(windows: Iterable[Window]) -> frozenset[str]:
    """The services that are under maintenance altogether.

    `prunella_maintenance_active{service}` has Alertmanager hold back every alert of a service, so a window that is
    narrower than the service says nothing there.
    """
    return frozenset(
        window.matchers[0].value
        for window in windows
        if len(window.matchers) == 1
        and window.matchers[0].name == "service"
        and window.matchers[0].op is Op.EQUAL
        and window.matchers[0].value
    )
