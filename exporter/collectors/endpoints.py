"""HTTP endpoints, probed in the background: a scrape reports what the latest probes saw and never waits for one.

A prober that lives between scrapes can say what a single probe cannot: how the latency is distributed, how many
failures there were in a row, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Annotated, Literal

from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field
from yarl import URL

from exporter.collectors.base import Collected, Collector, Kind, World, entries
from exporter.families import gauge
from exporter.probing.allowed import elsewhere, rule_of
from exporter.probing.contexts import Contexts, Demands
from exporter.probing.expected import Expected
from exporter.probing.http import Order, probe_http
from exporter.probing.options import BasicAuth, TlsConfig
from exporter.probing.outcome import Outcome, Reason
from exporter.probing.told import families
from prunella.logs import create_logger
from prunella.metrics import Counter, Histogram
from prunella.service.header_lines import HeaderName, SecretHeader
from prunella.service.pem import Certificates
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Secret, Settings
from prunella.service.tasks import Tasks

LABELS = ("endpoint", "service")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BACKGROUND = " Of the latest probe: they are made in the background, not at the scrape."
_log = create_logger(__name__)

Tell = Callable[[tuple[str, str], Outcome], None]
Purpose = Literal["api", "ai", "external"]


def _http_url(url: Secret) -> Secret:
    try:
        parts = URL(url.get_secret_value())
        rule_of(parts.raw_host or "")  # what `/probe` makes of it
        usable = parts.scheme in {"http", "https"} and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("must be http://host… or https://host…")
    return url


class Expectation(Settings):
    """`body` is a text that the answer must contain."""

    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    body: str = ""


class EndpointEntry(Settings):
    """`kind` says whose it is: ours, an AI provider's, or another's; `/api/health` shows the last two by themselves."""

    name: str = Field(min_length=1, max_length=200)
    kind: Purpose = "api"
    url: Annotated[Secret, AfterValidator(_http_url)]
    every: Annotated[Duration, Field(ge=1)] = 15.0
    timeout: Annotated[Duration, Field(gt=0)] | None = None  # 5s, or `every` when that is less
    method: Literal["GET", "HEAD", "POST", "PUT", "OPTIONS"] = "GET"
    headers: Mapping[HeaderName, SecretHeader] = Field(default_factory=dict)
    body: Secret = Secret("")
    basic_auth: BasicAuth | None = None
    bearer_token: SecretHeader | None = None
    follow_redirects: bool = True
    expect: Expectation = Expectation()
    service: str = ""
    ca_file: Certificates | None = None
    tls_config: TlsConfig | None = None

    @Rule
    def _in_time(self) -> Iterator[str]:
        if self.timeout is not None and self.timeout > self.every:
            yield "timeout is longer than every, so that probes would overtake each other"

    @Rule
    def _one_login(self) -> Iterator[str]:
        if is_given(self, "basic_auth") and is_given(self, "bearer_token"):
            yield "give basic_auth or bearer_token"

    @Rule
    def _one_authority(self) -> Iterator[str]:
        if is_given(self, "tls_config") and is_given(self, "ca_file"):
            yield "tls_config has a ca_file of its own: give that, or the other"

    def order(self) -> Order:
        """What a probe of it asks."""
        url = self.url.get_secret_value()
        return Order(
            url=url,
            gate=elsewhere(URL(url).raw_host or ""),
            timeout=self.timeout or min(5.0, self.every),
            method=self.method,
            headers=self._sent(),
            body=self.body.get_secret_value().encode(),
            expected=Expected(statuses=self.expect.status, text=self.expect.body.encode()),
            follow=self.follow_redirects,
            contexts=Contexts(self._demands()),
        )

    def _sent(self) -> dict[str, str]:
        found = {name: value.get_secret_value() for name, value in self.headers.items()}
        if self.basic_auth is not None:
            found["Authorization"] = self.basic_auth.header()
        if self.bearer_token is not None:
            found["Authorization"] = f"Bearer {self.bearer_token.get_secret_value()}"
        return found

    def _demands(self) -> Demands:
        if self.tls_config is not None:
            return self.tls_config.demands("http/1.1")
        return Demands(ca_file=self.ca_file, protocols=("http/1.1",))


class Endpoint:
    """One entry and what its probes have seen so far."""

    def __init__(self, entry: EndpointEntry, world: World) -> None:
        self.labels = entry.name, entry.service or world.service
        self.kind: Purpose = entry.kind
        self.latest: Outcome | None = None
        self.failures_in_a_row = 0
        self._entry, self._order, self._world = entry, entry.order(), world

    def inherit(self, before: Endpoint) -> bool:
        """Whether this is the same endpoint, whose outage goes on."""
        if (self._entry, self.labels) != (before._entry, before.labels):
            return False
        if self.latest is None:
            self.latest, self.failures_in_a_row = before.latest, before.failures_in_a_row
        return True

    async def watch(self, tell: Tell) -> None:
        """Probes at once, and then in step with the clock, at a place in the interval left to chance."""
        clock, every = self._world.clock, self._entry.every
        await self._probe(tell)
        due = clock.monotonic() + self._world.jitter() * every
        while True:
            await clock.sleep(max(0.0, due - clock.monotonic()))
            await self._probe(tell)
            due = max(due + every, clock.monotonic())

    async def _probe(self, tell: Tell) -> None:
        outcome = await probe_http(self._order)
        before, self.latest = self.latest, outcome
        self.failures_in_a_row = self.failures_in_a_row + 1 if outcome.reason else 0
        tell(self.labels, outcome)
        if outcome.reason is not (before.reason if before is not None else None):
            self._say(outcome)

    def _say(self, outcome: Outcome) -> None:
        """Once when it begins and once when it is over. What the answer was may hold what is nobody's business."""
        name, reason = self.labels[0], outcome.reason
        if reason is None:
            _log.info("endpoint answers again", endpoint=name)
        else:
            status = outcome.answer.status if outcome.answer is not None else 0
            _log.warning("endpoint fails", endpoint=name, reason=reason, status=status)


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
        self._known: set[tuple[str, str]] = set()
        self.watch(every_label)

    def watch(self, every_label: Iterable[tuple[str, str]]) -> None:
        """These, and no others any more."""
        wanted = set(every_label)
        for endpoint, service in self._known - wanted:
            self._latency.remove(endpoint, service)
            for reason in Reason:
                self._failures.remove(endpoint, reason, service)
        for endpoint, service in wanted - self._known:
            self._latency.labels(endpoint, service)
            for reason in Reason:
                self._failures.labels(endpoint, reason, service)
        self._known = wanted

    def add(self, labels: tuple[str, str], outcome: Outcome) -> None:
        if labels not in self._known:  # the last probe of one that has gone
            return
        # A refused connection takes no time: counted as latency it would make a dead endpoint look fast.
        if outcome.answered or outcome.reason is Reason.TIMEOUT:
            self._latency.labels(*labels).observe(outcome.seconds)
        if outcome.reason:
            self._failures.labels(labels[0], outcome.reason, labels[1]).inc()

    def collect(self) -> list[Metric]:
        return [*self._latency.collect(), *self._failures.collect()]


class Endpoints:
    def __init__(self, options: Sequence[EndpointEntry], world: World) -> None:
        self.endpoints = [Endpoint(entry, world) for entry in options]
        self.tally = Tally(endpoint.labels for endpoint in self.endpoints)
        self._tasks = Tasks(world.clock)

    def inherit(self, before: Collector) -> None:
        """What was counted goes on being counted, and what is gone is shown no more."""
        if not isinstance(before, Endpoints):
            return
        others = {endpoint.labels: endpoint for endpoint in before.endpoints}
        same = {
            endpoint.labels
            for endpoint in self.endpoints
            if endpoint.labels in others and endpoint.inherit(others[endpoint.labels])
        }
        self.tally = before.tally
        self.tally.watch(same)  # one that has changed begins anew
        self.tally.watch(endpoint.labels for endpoint in self.endpoints)

    async def start(self) -> None:
        for endpoint in self.endpoints:
            self._tasks.start(f"probe {endpoint.labels[0]}", partial(endpoint.watch, self._count))

    def _count(self, labels: tuple[str, str], outcome: Outcome) -> None:
        self.tally.add(labels, outcome)  # whichever it is by then

    async def stop(self) -> None:
        await self._tasks.stop()

    async def collect(self, deadline: float) -> Collected:
        # Until its first probe is back, nothing is known of an endpoint, and nothing is said.
        known = [(one.labels, one.latest) for one in self.endpoints if one.latest is not None]
        return Collected(
            (*families(LABELS, known, BACKGROUND), *self._own(), *self.tally.collect())
        )

    def _own(self) -> list[Metric]:
        return [
            gauge(
                "prunella_probe_consecutive_failures", "Failed probes since the last good one.", LABELS,
                [(one.labels, one.failures_in_a_row) for one in self.endpoints],
            ),
            gauge(
                "prunella_endpoint_info", "What the endpoint is: api, ai or external; always 1.", (*LABELS, "kind"),
                [((*one.labels, one.kind), 1.0) for one in self.endpoints],
            ),
        ]  # fmt: skip

    def down(self) -> Iterable[Metric]:
        return ()


ENDPOINTS: Kind[Sequence[EndpointEntry]] = Kind(entries(EndpointEntry), Endpoints)
