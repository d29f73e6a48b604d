"""`intake` as a collector: it runs and is reloaded like the others, and shows what was taken in and passed on."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping

from prometheus_client.metrics_core import Metric

from exporter.collectors.base import Collected, Kind, World, block
from exporter.families import counter, gauge
from exporter.intake.envelope import Envelope, MalformedError, envelope_of, read_envelope
from exporter.intake.events import told_by
from exporter.intake.forward import Forwarder, Letter
from exporter.intake.settings import IntakeOptions, Project, dsn_of
from exporter.intake.tally import TOGETHER, Tally
from prunella.service.tasks import Tasks

_MINUTE = 60.0


class LimitedError(Exception):
    """A project has sent all that it may in this minute."""


class Intake:
    """The projects of one configuration."""

    def __init__(self, options: IntakeOptions, world: World) -> None:
        self.projects: Mapping[str, Project] = {one.id: one for one in options.projects}
        self._clock = world.clock
        self._tasks = Tasks(world.clock)
        self._forwarder = Forwarder(world.clock)
        self.tally = Tally()
        self._results: Counter[tuple[str, str]] = Counter()
        # of a project: which, and how many came in it
        self._minutes: dict[str, tuple[int, int]] = {}

    def project(self, number: str, key: str) -> Project | None:
        """Whose DSN this is; compared so that the time taken tells nothing of the key."""
        found = self.projects.get(number)
        secret = found.key.get_secret_value() if found is not None else ""
        right = hmac.compare_digest(secret.encode(), key.encode("utf-8", "replace"))
        return found if right and secret else None

    def take(self, project: Project, body: bytes, *, store: bool = False) -> str:
        """Counts what is in it and gives the id of its event. Raises MalformedError or LimitedError."""
        self._check_rate(project)
        try:
            envelope = envelope_of(body) if store else read_envelope(body)
            events = envelope.events()
        except MalformedError:
            self._results[project.service, "malformed"] += 1
            raise
        for event in events:
            first = self.tally.count(project.service, told_by(event))
            self._results[project.service, "counted" if first else "repeated"] += 1
        self._forward(project, envelope)
        return str(envelope.header.get("event_id", ""))[:64]

    def _forward(self, project: Project, envelope: Envelope) -> None:
        if project.upstream is not None:
            to = dsn_of(project.upstream.get_secret_value())
            self._forwarder.take(Letter(project.service, to, envelope.addressed_to(to.whole)))

    def _check_rate(self, project: Project) -> None:
        minute = int(self._clock.monotonic() / _MINUTE)
        known, count = self._minutes.get(project.id, (minute, 0))
        count = count + 1 if known == minute else 1
        self._minutes[project.id] = (minute, count)
        if count > project.per_minute:
            self._results[project.service, "limited"] += 1
            raise LimitedError

    async def start(self) -> None:
        TOGETHER.show(self.tally)
        if any(project.upstream for project in self.projects.values()):
            self._tasks.start("forward to Sentry", self._forwarder.run)

    async def stop(self) -> None:
        TOGETHER.hide(self.tally)
        await self._tasks.stop()

    async def collect(self, deadline: float) -> Collected:
        return Collected(tuple(self._families()))

    def down(self) -> Iterable[Metric]:
        return self._families()

    def _families(self) -> Iterable[Metric]:
        labels = ("service", "result")
        yield counter("prunella_intake_events_total", "Events that Sentry clients have sent here.", labels, self._results.items())  # fmt: skip
        yield counter("prunella_intake_forwarded_total", "Envelopes passed on to Sentry.", labels, self._forwarder.results.items())  # fmt: skip
        yield gauge("prunella_intake_waiting", "Envelopes that wait to be passed on to Sentry.", (), [((), float(self._forwarder.waiting))])  # fmt: skip


INTAKE: Kind[IntakeOptions] = Kind(block(IntakeOptions), Intake)
