"""The three metrics of HTTP traffic, the same whatever framework serves it.

Every label is bounded: methods and routes that nobody declared are one `other`, or any client could fill the memory
of Prometheus by making names up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

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


@dataclass(slots=True)
class Outcome:
    """What a request came to; a handler that raises leaves it at 500."""

    status: int = 500


@contextmanager
def measured(method: str, route: str) -> Iterator[Outcome]:
    """Counts and times one request, once, however the block ends."""
    outcome = Outcome()
    verb = method if method in _METHODS else OTHER
    _IN_PROGRESS.inc()
    began = time.perf_counter()
    try:
        yield outcome
    finally:
        _IN_PROGRESS.dec()
        _DURATION.labels(verb, route).observe(time.perf_counter() - began)
        _REQUESTS.labels(verb, route, str(outcome.status)).inc()
