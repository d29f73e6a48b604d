"""HTTP endpoints, probed in the background: a scrape reports what the latest probes saw and never waits for one.

A prober that lives between scrapes can say what a single probe cannot: how the latency is distributed, how many
failures there were in a row, and why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

import aiohttp
from prometheus_client import Counter, Histogram
from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from exporter.collectors.base import Collected, Kind, World, entries
from exporter.families import gauge
from exporter.probing.probe import Outcome, Reason, Request, client, noting_expiry, probe
from prunella.service.settings import Duration, Secret, Settings
from prunella.service.tasks import Tasks

LABELS = ("endpoint", "service")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


def _http_url(url: Secret) -> Secret:
    try:
        parts = urlsplit(url.get_secret_value())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be http://host… or https://host…")
    return url


def _readable(file: Path | None, info: ValidationInfo) -> Path | None:
    """Relative to the config file, and there when it is needed."""
    if file is None:
        return None
    folder = info.context.get("folder", Path.cwd()) if info.context else Path.cwd()
    path = Path(folder) / file
    if not path.is_file():
        raise ValueError(f"there is no file {path}")
    return path


class Expectation(Settings):
    """`body` is a text that the answer must contain."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    body: str = ""


class EndpointEntry(Settings):
    name: str = Field(min_length=1, max_length=200)
    url: Annotated[Secret, AfterValidator(_http_url)]
    every: Annotated[Duration, Field(ge=1)] = 15.0
    timeout: Annotated[Duration, Field(gt=0)] | None = None  # 5s, or `every` when that is less
    method: Literal["GET", "HEAD", "POST", "OPTIONS"] = "GET"
    headers: Mapping[str, Secret] = Field(default_factory=dict)
    expect: Expectation = Expectation()
    service: str = ""
    ca_file: Annotated[Path | None, AfterValidator(_readable)] = None

    @model_validator(mode="after")
    def _in_time(self) -> Self:
        if self.timeout is not None and self.timeout > self.every:
            raise ValueError(
                "timeout is longer than every, so that probes would overtake each other"
            )
        return self

    def request(self) -> Request:
        return Request(
            url=self.url.get_secret_value(),
            method=self.method,
            headers={name: value.get_secret_value() for name, value in self.headers.items()},
            timeout=self.timeout or min(5.0, self.every),
            statuses=self.expect.status,
            body=self.expect.body,
        )


class Endpoint:
    """One entry and what its probes have seen so far."""

    def __init__(self, entry: EndpointEntry, world: World) -> None:
        self.labels = entry.name, entry.service or world.service
        self.latest: Outcome | None = None
        self.failures_in_a_row = 0
        self.expiry: float | None = None
        self._entry, self._world = entry, world

    async def watch(self, tell: Tally) -> None:
        """Probes at once, and then in step with the clock, at a place in the interval left to chance."""
        clock, every = self._world.clock, self._entry.every
        ca_file = str(self._entry.ca_file) if self._entry.ca_file else None
        async with client(noting_expiry(self._note_expiry, ca_file)) as session:
            await self._probe(session, tell)
            due = clock.monotonic() + self._world.jitter() * every
            while True:
                await clock.sleep(max(0.0, due - clock.monotonic()))
                await self._probe(session, tell)
                due = max(due + every, clock.monotonic())

    async def _probe(self, session: aiohttp.ClientSession, tell: Tally) -> None:
        outcome = await probe(session, self._entry.request())
        self.failures_in_a_row = self.failures_in_a_row + 1 if outcome.reason else 0
        self.latest = outcome
        tell.add(self.labels, outcome)

    def _note_expiry(self, ends: float) -> None:
        self.expiry = ends


class Tally:
    """What is counted over all probes of all endpoints; every series is there from the start."""

    def __init__(self, every_label: Iterable[tuple[str, str]]) -> None:
        self._latency = Histogram(
            "prunella_probe_latency_seconds",
            "Time until the endpoint had answered in full, or until the probe gave up waiting.",
            LABELS, buckets=BUCKETS, registry=None,
        )  # fmt: skip
        self._failures = Counter(
            "prunella_probe_failures_total", "Failed probes by reason.",
            ("endpoint", "reason", "service"), registry=None,
        )  # fmt: skip
        for endpoint, service in every_label:
            self._latency.labels(endpoint, service)
            for reason in Reason:
                self._failures.labels(endpoint, reason, service)

    def add(self, labels: tuple[str, str], outcome: Outcome) -> None:
        # A refused connection takes no time: counted as latency it would make a dead endpoint look fast.
        if outcome.status or outcome.reason is Reason.TIMEOUT:
            self._latency.labels(*labels).observe(outcome.seconds)
        if outcome.reason:
            self._failures.labels(labels[0], outcome.reason, labels[1]).inc()

    def collect(self) -> list[Metric]:
        return [*self._latency.collect(), *self._failures.collect()]


class Endpoints:
    def __init__(self, options: Sequence[EndpointEntry], world: World) -> None:
        self._endpoints = [Endpoint(entry, world) for entry in options]
        self._tally = Tally(endpoint.labels for endpoint in self._endpoints)
        self._tasks = Tasks(world.clock)

    async def start(self) -> None:
        for endpoint in self._endpoints:
            self._tasks.start(f"probe {endpoint.labels[0]}", partial(endpoint.watch, self._tally))

    async def stop(self) -> None:
        await self._tasks.stop()

    async def collect(self, deadline: float) -> Collected:
        return Collected((*_latest(self._endpoints), *self._tally.collect()))

    def down(self) -> Iterable[Metric]:
        return ()


def _latest(endpoints: Sequence[Endpoint]) -> Iterable[Metric]:
    seen = [(endpoint, endpoint.latest) for endpoint in endpoints]
    # Until its first probe is back, nothing is known of an endpoint, and nothing is said.
    known = [(endpoint.labels, latest) for endpoint, latest in seen if latest is not None]
    yield gauge(
        "probe_success", "Whether the latest probe was answered as expected.", LABELS,
        [(labels, float(latest.reason is None)) for labels, latest in known],
    )  # fmt: skip
    yield gauge(
        "probe_duration_seconds", "How long the latest probe took.", LABELS,
        [(labels, latest.seconds) for labels, latest in known],
    )  # fmt: skip
    yield gauge(
        "probe_http_status_code", "Status of the latest answer, 0 when there was none.", LABELS,
        [(labels, latest.status) for labels, latest in known],
    )  # fmt: skip
    yield gauge(
        "probe_ssl_earliest_cert_expiry", "Unix time at which the server's certificate ends.", LABELS,
        [(e.labels, e.expiry) for e in endpoints if e.expiry is not None],
    )  # fmt: skip
    yield gauge(
        "prunella_probe_consecutive_failures", "Failed probes since the last good one.", LABELS,
        [(endpoint.labels, endpoint.failures_in_a_row) for endpoint in endpoints],
    )  # fmt: skip


ENDPOINTS: Kind[Sequence[EndpointEntry]] = Kind(entries(EndpointEntry), Endpoints)
