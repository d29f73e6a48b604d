"""The metrics of HTTP traffic, the same whatever framework serves it.

Every label is bounded: methods and routes that nobody declared are one `other`, or any client could fill the memory
of Prometheus by making names up. The series of a route are looked up once, and kept beside it.
"""

from __future__ import annotations

from time import perf_counter
from typing import Self

from prunella.cardinality import OTHER, Bounded
from prunella.correlation import trace_id
from prunella.metrics import Counter, Gauge, Histogram

CLIENT_GONE = 499
SWITCHED = 101  # a websocket: its life is no latency

_METHODS = frozenset(
    {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
)
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2, 3, 5, 10, 30)
_BYTES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

_REQUESTS = Counter("http_requests_total", "HTTP requests answered.", ["method", "route", "status"])
_DURATION = Histogram(
    "http_request_duration_seconds",
    "Time from a request's header to the end of its answer.",
    ["method", "route"],
    buckets=_SECONDS,
)
_REQUEST_SIZE = Histogram(
    "http_request_size_bytes",
    "Size of the bodies of requests that have one, as their header says.",
    ["method", "route"],
    buckets=_BYTES,
)
_RESPONSE_SIZE = Histogram(
    "http_response_size_bytes",
    "Size of the bodies of answers, as far as it is known.",
    ["method", "route"],
    buckets=_BYTES,
)
IN_PROGRESS = Gauge(
    "http_requests_in_progress",
    "HTTP requests being answered now.",
    multiprocess_mode="livesum",
)

_routes = Bounded("http_requests_total", limit=500)


class Route:
    """The series of one method and route."""

    __slots__ = ("_duration", "_method", "_requests", "_response_size", "_route", "_sizes")

    def __init__(self, method: str, route: str) -> None:
        self._method, self._route = method, _routes(route)
        self._requests: dict[int, Counter] = {}
        self._duration = _DURATION.labels(self._method, self._route)
        self._response_size = _RESPONSE_SIZE.labels(self._method, self._route)
        self._sizes: Histogram | None = None

    def ended(self, status: int, took: float, sent: float | None = None, trace: str = "") -> None:
        """Counts a request that is over; `took` is in seconds, `sent` the size of its answer, `trace` goes with the time."""
        requests = self._requests.get(status)
        if requests is None:
            requests = self._met(status)
        requests.inc()
        if status == SWITCHED:
            return
        if trace:
            self._duration.observe(took, {"trace_id": trace})
        else:
            self._duration.observe(took)
        if sent is not None:
            self._response_size.observe(sent)

    def count(self, status: int) -> None:
        """Counts what is no latency, whatever it came to."""
        (self._requests.get(status) or self._met(status)).inc()

    def received(self, size: int) -> None:
        """The body of a request, if it has one."""
        if size <= 0:
            return
        if self._sizes is None:
            self._sizes = _REQUEST_SIZE.labels(self._method, self._route)
        self._sizes.observe(size)

    def _met(self, status: int) -> Counter:
        shown = str(status) if 100 <= status <= 599 else OTHER
        found = _REQUESTS.labels(self._method, self._route, shown)
        self._requests[status] = found
        return found


_known: dict[tuple[str, str], Route] = {}
_MOST = 5_000  # routes as they come; those that are counted apart are fewer


def route_of(method: str, route: str) -> Route:
    """Looked up once for each method and route."""
    key = (method if method in _METHODS else OTHER, route)
    found = _known.get(key)
    if found is None:
        found = Route(*key)
        if len(_known) < _MOST:
            _known[key] = found
    return found


class Measured:
    """Counts and times one request, once, however the block ends; one that raises leaves the status at 500."""

    __slots__ = ("_began", "_route", "size", "status")

    def __init__(self, method: str, route: str) -> None:
        self._route = route_of(method, route)
        self.status = 500
        self.size: int | None = None  # of the answer's body, as far as it is known

    def __enter__(self) -> Self:
        self.begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.end(self.status)

    def begin(self) -> None:
        """For a request that no block surrounds; it has to be ended."""
        IN_PROGRESS.inc()
        self._began = perf_counter()

    def received(self, size: int | None) -> None:
        """The size of the body that came, if it is known."""
        if size:
            self._route.received(size)

    def end(self, status: int) -> None:
        """How it ended."""
        IN_PROGRESS.dec()
        self._route.ended(status, perf_counter() - self._began, self.size, trace_id())
