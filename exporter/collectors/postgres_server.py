"""PostgreSQL servers under postgres_exporter's names, by two round trips over one kept connection each.

A second connection answers `/api/health/db`, so that a health check never queues behind a scrape; there is no third.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from pydantic import Field

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.lines import RoundTrips, Source
from exporter.postgres.families import said, sheet
from exporter.postgres.link import Link, NoAnswerError, PostgresUrl
from exporter.postgres.names import LABELS
from exporter.postgres.pulse import Pulse, pulse
from exporter.postgres.snapshot import Observer, Snapshot
from prunella.logs import create_logger
from prunella.service.settings import Settings

QUERY = "prunella_postgres_query_seconds"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_log = create_logger(__name__)


class PostgresEntry(Settings):
    name: str = Field(min_length=1, max_length=200)
    url: PostgresUrl
    service: str = ""
    statements: int = Field(default=0, ge=0, le=500)  # of pg_stat_statements, those that took most


@dataclass(frozen=True, slots=True)
class Look:
    snapshot: Snapshot | None
    problem: str = ""


class Server:
    """One entry with its two connections."""

    def __init__(self, entry: PostgresEntry, service: str) -> None:
        self.labels = entry.name, entry.service or service
        url = entry.url.get_secret_value()
        self._scrapes, self._health = Link(url), Link(url)
        self.source = Source(tuple(zip(LABELS, self.labels, strict=True)))
        self.round_trips = RoundTrips(QUERY, BUCKETS)
        self._observer = Observer(self.round_trips, entry.statements)
        self._privileged = True

    async def look(self, until: float) -> Look:
        asked = asyncio.get_running_loop().time()
        try:
            snapshot = await self._scrapes.ask(self._observer.snapshot, until)
        except NoAnswerError as error:
            if error.late:  # left out, a hanging server would look fast
                self.round_trips.observe(asyncio.get_running_loop().time() - asked)
            return Look(None, f"{self.labels[0]}: {error}")
        self._note(privileged=bool(snapshot.server.privileged))
        return Look(snapshot, f"{self.labels[0]}: {snapshot.problem}" if snapshot.problem else "")

    def _note(self, *, privileged: bool) -> None:
        if self._privileged and not privileged:
            cure = "GRANT pg_monitor TO its user; until then what it cannot see is left out"
            _log.warning("not privileged to see others' sessions", name=self.labels[0], cure=cure)
        self._privileged = privileged

    async def pulse(self, until: float) -> Pulse:
        try:
            return await self._health.ask(lambda link: pulse(self.labels[0], link), until)
        except NoAnswerError as error:
            return Pulse(self.labels[0], problem=str(error))

    async def close(self) -> None:
        await asyncio.gather(self._scrapes.close(), self._health.close())


class PostgresServers:
    def __init__(self, options: Sequence[PostgresEntry], world: World) -> None:
        self._servers = [Server(entry, world.service) for entry in options]

    async def start(self) -> None: ...

    async def stop(self) -> None:
        await asyncio.gather(*(server.close() for server in self._servers))

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        looks = await asyncio.gather(*(server.look(until) for server in self._servers))
        seen = [(s.source, look.snapshot) for s, look in zip(self._servers, looks, strict=True)]
        problems = tuple(look.problem for look in looks if look.problem)
        lines = said(seen)
        for server in self._servers:
            server.round_trips.write(server.source, lines)
        return Collected((sheet(lines),), problems)

    def down(self) -> Iterable[Metric]:
        return [sheet(said((server.source, None) for server in self._servers))]

    async def pulses(self, until: float) -> Sequence[Pulse]:
        """How each server is at this moment."""
        return await asyncio.gather(*(server.pulse(until) for server in self._servers))


POSTGRES: Kind[Sequence[PostgresEntry]] = Kind(entries(PostgresEntry), PostgresServers)
