"""The three metrics of HTTP traffic, the same whatever framework serves it.

Every label is bounded: methods and routes that nobody declared are one `other`, or any client could fill the memory
of Prometheus by making names up.

They are counted in plain numbers and become metrics when somebody asks: five metric objects with a lock each were an
eighth of what a small request costs.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from threading import Lock
from typing import Self

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from prunella.cardinality import OTHER
from prunella.metrics import REGISTRY

CLIENT_GONE = 499

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30)
_BOUNDS = (*(str(float(bound)) for bound in _BUCKETS), "+Inf")


class _Tally:
    """What was counted of one method and route."""

    __slots__ = ("durations", "seconds", "statuses")

    def __init__(self) -> None:
        self.durations = [0] * len(_BOUNDS)
        self.seconds = 0.0
        self.statuses: Counter[int] = Counter()


class _Traffic(Collector):
    """All that was counted in this process."""

    def __init__(self) -> None:
        self.lock = Lock()  # a framework may answer in many threads
        self.tallies: dict[tuple[str, str], _Tally] = {}
        self.in_progress = 0

    def collect(self) -> Iterator[Metric]:
        requests = CounterMetricFamily(
            "http_requests_total", "HTTP requests answered.", labels=["method", "route", "status"]
        )
        durations = HistogramMetricFamily(
            "http_request_duration_seconds",
            "Time from a request's header to the end of its answer.",
            labels=["method", "route"],
        )
        with self.lock:
            for key, tally in self.tallies.items():
                for status, count in tally.statuses.items():
                    requests.add_metric([*key, str(status)], count)
                durations.add_metric(key, _cumulative(tally.durations), tally.seconds)
        yield requests
        yield durations
        yield GaugeMetricFamily(
            "http_requests_in_progress", "HTTP requests being answered now.", self.in_progress
        )


def _cumulative(durations: list[int]) -> list[tuple[str, float]]:
    total, found = 0, []
    for bound, count in zip(_BOUNDS, durations, strict=True):
        total += count
        found.append((bound, float(total)))
    return found


_TRAFFIC = _Traffic()
REGISTRY.register(_TRAFFIC)


class Measured:
    """Counts and times one request, once, however the block ends; one that raises leaves the status at 500."""

    __slots__ = ("_began", "_method", "_route", "status")

    def __init__(self, method: str, route: str) -> None:
        self._method = method
        self._route = route
        self.status = 500

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(self.status)

    def begin(self) -> None:
        """For a request that no block surrounds; it has to be ended."""
        with _TRAFFIC.lock:
            _TRAFFIC.in_progress += 1
        self._began = time.perf_counter()

    def end(self, status: int) -> None:
        """How it ended."""
        took = time.perf_counter() - self._began
        key = (self._method if self._method in _METHODS else OTHER), self._route
        with _TRAFFIC.lock:
            _TRAFFIC.in_progress -= 1
            tally = _TRAFFIC.tallies.get(key)
            if tally is None:
                tally = _TRAFFIC.tallies[key] = _Tally()
            tally.durations[bisect_left(_BUCKETS, took)] += 1
            tally.seconds += took
            tally.statuses[status] += 1
