"""The exporter as a service: its routes, and what a reload changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from prometheus_client.metrics_core import Metric

from exporter import page
from exporter.cache_health import look_at_caches
from exporter.collectors.endpoints import Endpoints
from exporter.collectors.postgres_server import PostgresServers
from exporter.collectors.queues import Queues
from exporter.collectors.redis_server import RedisServers
from exporter.database_health import look_at_databases
from exporter.endpoint_health import look_at_endpoints
from exporter.health import Checks
from exporter.intake import routes as intake
from exporter.probes import Probes
from exporter.queue_health import look_at_queues
from exporter.report import Look, Report
from exporter.request import HEADER, RefusedError, time_allowed, wanted
from exporter.running import Running
from exporter.settings import Config, Health, config_page
from prunella.metrics import REGISTRY, CollectorRegistry
from prunella.service.answers import Given, Refused, as_json
from prunella.service.auth import Auth, Scope
from prunella.service.clock import Clock, SystemClock
from prunella.service.door import Door
from prunella.service.heads import Asked
from prunella.service.reload import Live
from prunella.service.route import Give, Route
from prunella.service.settings import ConfigError, Problem
from prunella.service.web import Service

HEALTH = {
    "app": "the exporter",
    "db": "postgres",
    "cache": "redis",
    "queue": "queues",
    "ai": "endpoints of the kind ai",
    "external": "endpoints of the kind external",
}  # what it looks at, by its path


def looks(running: Running, limits: Health) -> dict[str, Look]:
    """How to look at whatever is configured besides the exporter itself."""
    found: dict[str, Look] = {}
    databases = running.collector("postgres")
    if isinstance(databases, PostgresServers):
        found["db"] = partial(look_at_databases, databases.pulses, limits.query, limits.pool)
    caches = running.collector("redis")
    if isinstance(caches, RedisServers):
        found["cache"] = partial(look_at_caches, caches.pings)
    queues = running.collector("queues")
    if isinstance(queues, Queues):
        found["queue"] = partial(look_at_queues, queues.seen, limits.queue, limits.failures)
    probed = running.collector("endpoints")
    if isinstance(probed, Endpoints):
        for kind in ("ai", "external"):
            of_kind = [endpoint for endpoint in probed.endpoints if endpoint.kind == kind]
            if of_kind:
                found[kind] = partial(look_at_endpoints, of_kind)
    return found


class Exporter:
    """One process's exporter: the settings in force, the collectors built from them, and their routes."""

    def __init__(self, live: Live[Config], clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._live = live
        self._live.on_reload(self._apply)
        self._running = Running()
        self._probes = Probes()
        file = self.config.server.web_config_file
        self._door = Door(file) if file is not None else None
        self._checks = Checks(self._clock, self.config.health.memory)

    @property
    def config(self) -> Config:
        return self._live.current

    def service(self) -> Service:
        return Service(
            listen=self.config.server.listen,
            routes=(
                _given("/", self._landing),
                _given("/metrics", self._metrics),
                _given("/probe", self._probe),
                _given("/config", self._config),
                _given("/api/health", self._health),
                *(_given(f"/api/health/{n}", partial(self._health_of, n)) for n in HEALTH),
                *intake.routes(lambda: self._running.collector("intake")),
                Route("POST", "/-/reload", Scope.OPEN, take=self._reload),
            ),
            auth=Auth({}),
            door=self._door,
        )

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Service]:
        """Looks at the world while the block runs."""
        try:
            await self._put_in_force(self.config)
            yield self.service()
        finally:
            await self._running.stop()

    async def _apply(self, new: Config) -> None:
        before = self.config.server.model_dump()
        changed = [key for key, value in new.server.model_dump().items() if value != before[key]]
        if changed:
            text = "a change takes effect only with a restart"
            raise ConfigError(Problem(f"server.{key}", text) for key in changed)
        await self._put_in_force(new)

    async def _put_in_force(self, config: Config) -> None:
        await self._running.apply(config)
        self._probes.apply(config)
        self._checks.memory_limit = config.health.memory
        self._checks.watch(looks(self._running, config.health))

    async def _landing(self, _: Asked) -> Given:
        return _text("html", page.landing(self._running.scraper.names))

    async def _metrics(self, asked: Asked) -> Given:
        scraper, query = self._running.scraper, asked.parameters
        try:
            names = wanted(
                scraper.names, query.getall("collect[]", []), query.getall("exclude[]", [])
            )
            seconds = time_allowed(asked.headers.get(HEADER), self.config.scrape_timeout)
        except RefusedError as error:
            raise Refused(400, "bad_scrape", str(error)) from error
        families = await scraper.scrape(names, seconds)
        return await _shown(asked, families, REGISTRY)

    async def _probe(self, asked: Asked) -> Given:
        return await _shown(asked, await self._probes.answer(asked), None)

    async def _config(self, _: Asked) -> Given:
        return _text("plain", config_page(self.config))

    async def _health(self, _: Asked) -> Given:
        return self._answer(await self._checks.all())

    async def _health_of(self, name: str, _: Asked) -> Given:
        report = await self._checks.one(name)
        if report is None:
            raise Refused(404, "not_configured", f"{HEALTH[name]} has no entry in exporter.yml")
        return self._answer(report)

    def _answer(self, report: Report) -> Given:
        return as_json(report.document(self._clock.now()), report.code)

    async def _reload(self, _body: bytes, _client: str) -> Given:
        """Where the door keeps nobody out, the address is the permission: whoever can reach loopback has the machine."""
        guarded = self._door is not None and self._door.protected
        if not (guarded or self.config.server.listen.loopback):
            cure = "send the process SIGHUP: it listens beyond loopback, where anyone could ask"
            raise Refused(403, "not_loopback", cure)
        try:
            await self._live.reload()
        except ConfigError as error:
            raise Refused(503, "config_refused", str(error)) from error
        return as_json({"status": "reloaded"})


def _given(path: str, give: Give) -> Route:
    return Route("GET", path, Scope.OPEN, give=give)


def _text(kind: str, text: str) -> Given:
    return Given(text.encode(), {"Content-Type": f"text/{kind}; charset=utf-8"})


async def _shown(asked: Asked, families: Sequence[Metric], own: CollectorRegistry | None) -> Given:
    """In the format that was asked for, with the process's own families if there are any."""
    accept, encoding = asked.headers.get("accept", ""), asked.headers.get("accept-encoding", "")
    return Given(*await page.answer(families, accept, encoding, own))
