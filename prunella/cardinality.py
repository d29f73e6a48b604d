"""Keeps label values that come from outside from growing without bound: the first so many, then `other`."""

from __future__ import annotations

from prunella.metrics import Counter

OTHER = "other"

_DROPPED = Counter(
    "prunella_series_dropped_total",
    "Observations counted under `other` because their label had too many values.",
    ["metric"],
)


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
            _DROPPED.labels(self._metric).inc()
            return OTHER
        self._known.add(value)
        return value
