"""The three metrics of HTTP traffic, the same whatever framework serves it.

Every label is bounded: methods and routes that nobody declared are one `other`, or any client could fill the memory
of Prometheus by making names up.
"""

from __future__ import annotations

import time
from typing import Self

from prunella.cardinality import OTHER
from prunella.metrics import Counter, Gauge, Histogram

CLIENT_GONE = 499

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30)

_REQUESTS = Counter("http_requests_total", "HTTP requests answered.", ["method", "route", "status"])
_DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from a request's header to the end of its answer.",
    ["method", "route"],
    buckets=_BUCKETS,
)
_IN_PROGRESS = Gauge("http_requests_in_progress", "HTTP requests being answered now.")


# what labels() would look for at each request; as few as the labels allow
_durations: dict[tuple[str, str], Histogram] = {}
_requests: dict[tuple[str, str, int], Counter] = {}


class Measured:
    """Counts and times one request, once, however the block ends; one that raises leaves the status at 500."""

    __slots__ = ("_began", "_route", "_verb", "status")

    def __init__(self, method: str, route: str) -> None:
        self._verb = method if method in _METHODS else OTHER
        self._route = route
        self.status = 500

    def __enter__(self) -> Self:
        _IN_PROGRESS.inc()
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        took = time.perf_counter() - self._began
        _IN_PROGRESS.dec()
        key = self._verb, self._route
        duration = _durations.get(key)
        if duration is None:
            duration = _durations[key] = _DURATION.labels(*key)
        duration.observe(took)
        counted = *key, self.status
        requests = _requests.get(counted)
        if requests is None:
            requests = _requests[counted] = _REQUESTS.labels(*key, str(self.status))
        requests.inc()
