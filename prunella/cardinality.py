"""Keeps label values that come from outside from growing without bound: the first so many, then `other`."""

from __future__ import annotations

from prunella.metrics import Counter

OTHER = "other"

_DROPPED = Counter(
    "prunella_series_dropped_total",
    "Observations counted under `other` because their label had too many values.",
    ["metric"],
)


def count_dropped(metric: str, series: int = 1) -> None:
    """So many were not shown under their own labels."""
    _DROPPED.labels(metric).inc(series)


class Bounded:
    """The values that one label of one metric may have."""

    def __init__(self, metric: str, limit: int = 200) -> None:
        self._metric = metric
        self._limit = limit
        self._known: set[str] = set()

    def __call__(self, value: str) -> str:
        """The value itself, or `other` once there are too many."""
        if value in self._known:
            return value
        if len(self._known) >= self._limit:
            count_dropped(self._metric)
            return OTHER
        self._known.add(value)
        return value
