"""Maintenance windows: for a while, what matches is somebody's work and not a breakdown, so nothing is repaired.

A window says nothing about Alertmanager's own notifications. What it holds back is our repairs, and only of incidents
all of whose alerts it covers: one alert that nobody announced is reason enough to ask the guards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.matchers import Matcher, Op, matches_all

MOST_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of announced work, which may be still to come; times in unix seconds, `id` is the journal's."""

    matchers: tuple[Matcher, ...]
    began: float
    until: float
    reason: str
    by: str
    id: int = 0

    def open_at(self, now: float) -> bool:
        """Whether it has begun and not ended."""
        return self.began <= now < self.until


def open_ones(windows: Iterable[Window], now: float) -> tuple[Window, ...]:
    """Those that have begun and not ended."""
    return tuple(window for window in windows if window.open_at(now))


def covered_until(
    windows: Sequence[Window], alerts: Iterable[Mapping[str, str]], now: float
) -> float | None:
    """When the first of the alerts stops being covered; None when one is not covered now, or there is none."""
    ends: list[float] = []
    for labels in alerts:
        matching = [
            window.until
            for window in open_ones(windows, now)
            if window.matchers and matches_all(window.matchers, labels)
        ]
        if not matching:
            return None
        ends.append(max(matching))
    return min(ends, default=None)


def maintained(
    windows: Iterable[Window], targets: Iterable[Sequence[Matcher]]
) -> Mapping[str, int]:
    """`prunella_maintenance_active` by service: 1 where a window covers all of one.

    It has Alertmanager hold back every alert of the service, so a window that is narrower says nothing. Shown always
    are the services that targets name, and at most MOST_SHOWN others.
    """
    named = {
        matcher.value for matchers in targets for matcher in matchers if _names_a_service(matcher)
    }
    whole = {
        window.matchers[0].value
        for window in windows
        if len(window.matchers) == 1 and _names_a_service(window.matchers[0])
    }
    others = sorted(whole - named)[:MOST_SHOWN]
    return {service: int(service in whole) for service in (*sorted(named), *others)}


def _names_a_service(matcher: Matcher) -> bool:
    return matcher.name == "service" and matcher.op is Op.EQUAL and bool(matcher.value)
