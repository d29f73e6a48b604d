"""`/api/monitoring/*` and `/api/admin/monitoring`: the documents' routes, of Prometheus and the journal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

from aiohttp import web
from pydantic import AfterValidator, Field

from prunella.redaction import printable
from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from prunella.timestamps import timestamp
from receiver.decide.incident import Incident
from receiver.journal import Conflict, JournalUnavailable
from receiver.journal.history import Search
from receiver.journal.views import Recent
from receiver.stages import command
from receiver.stages.context import Context
from receiver.web.bodies import read_object, validated
from receiver.web.monitoring import questions
from receiver.web.monitoring.alerts import REMEMBERED, AlertStats, shown, stats
from receiver.web.monitoring.health import Health, Word, broken, judge
from receiver.web.monitoring.questions import PERIODS, Questions
from receiver.web.monitoring.readings import NO_DATA, Found, Shared, read, read_services
from receiver.web.monitoring.shapes import (
    Admin,
    AdminAnswer,
    AlertAnswer,
    AlertsAnswer,
    AlertsFound,
    Cache,
    Dashboard,
    DashboardAnswer,
    Database,
    Errors,
    HealthShown,
    Performance,
    Uptime,
    Usage,
    health_shown,
    section,
    service_shown,
)
from receiver.web.paging import MOST, before_of, limit_of

KEEP_FIGURES, KEEP_WORDS = 10.0, 5.0  # seconds for which everybody has the same answer
NOW = "1h"  # the period of what is asked as it is now
_SEEN = {"errors": "rate", "performance": "p95", "uptime": "overall"}


def _somebody(text: str) -> str:
    name = printable(text).strip()
    if not name:
        raise ValueError("say who it is")
    return name


class AcknowledgeBody(Settings):
    """Who has seen it and takes care of it."""

    acknowledgedBy: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_somebody)]  # noqa: N815 - the documents' own key


class Monitoring:
    """The routes."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake
        clock = context.tools.clock
        self._dashboards = {
            period: Shared(partial(self._dashboard, period), clock, KEEP_FIGURES)
            for period in PERIODS
        }
        self._admin = Shared(self._figures, clock, KEEP_FIGURES)
        self._health = Shared(self._judged, clock, KEEP_WORDS)

    @describes({200: HealthShown, 503: HealthShown})
    async def health(self, _: web.Request) -> web.Response:
        """How all of it is, in words; 503 for unhealthy. For uptime monitors and load balancers."""
        try:
            health = await self._health.get()
        except JournalUnavailable:
            health = broken()
        status = 503 if health.status is Word.UNHEALTHY else 200
        return web.json_response(health_shown(health, self._now()), status=status)

    @describes({200: DashboardAnswer}, refuses=(400,), query={"period": Literal["1h", "24h", "7d"]})
    async def dashboard(self, request: web.Request) -> web.Response:
        """A period in figures; the same for everybody for ten seconds."""
        period = request.query.get("period", NOW)
        if period not in self._dashboards:
            known = ", ".join(PERIODS)
            raise Refused(400, "bad_query", f"`period` must be one of {known}")
        answer: DashboardAnswer = {"success": True, "data": await self._dashboards[period].get()}
        return web.json_response(answer)

    @describes(
        {200: AlertsAnswer},
        refuses=(400,),
        query={"unacknowledged": Literal["true", "false"], "limit": int, "before": int},
    )
    async def alerts(self, request: web.Request) -> web.Response:
        """All that are open or ended in the last seven days; only those that wait for somebody, or only the others.

        Newest first, at most a thousand; `?before=` the last id has the next ones. `stats` counts all that are open.
        """
        query, journal = request.query, self._context.journal
        wanted = query.get("unacknowledged")
        if wanted not in {None, "true", "false"}:
            raise Refused(400, "bad_query", "`unacknowledged` must be true or false")
        limit, before = limit_of(query, MOST), before_of(query)
        if wanted == "true":
            listed = await journal.search(Search(waiting=True, before=before, limit=limit))
        else:
            since = self._context.now() - REMEMBERED
            listed = await journal.recent(Recent(since, wanted == "false", before, limit))
        said: AlertsFound = {"alerts": [*map(shown, listed)], "stats": await self._stats()}
        answer: AlertsAnswer = {"success": True, "data": said}
        return web.json_response(answer)

    @describes({200: AlertAnswer}, refuses=(404, 409), takes=AcknowledgeBody)
    async def acknowledge(self, request: web.Request) -> web.Response:
        """Somebody has it: the escalation stops. Who said it first stays."""
        body = validated(AcknowledgeBody, await read_object(request))
        number, through = int(request.match_info["id"]), request[CLIENT] or "operator"
        try:
            incident = await command.acknowledge(
                number, body.acknowledgedBy, self._context, through
            )
        except LookupError as missing:
            raise Refused(404, "not_found", str(missing)) from missing
        except Conflict as conflict:
            raise Refused(409, "conflict", str(conflict)) from conflict
        self._wake()
        answer: AlertAnswer = {"success": True, "data": shown(incident)}
        return web.json_response(answer)

    @describes({200: AdminAnswer})
    async def admin(self, _: web.Request) -> web.Response:
        """Database, cache and usage in figures, and the alerts that are open."""
        answer: AdminAnswer = {"success": True, "data": await self._admin.get()}
        return web.json_response(answer)

    async def _dashboard(self, period: str) -> Dashboard:
        errors, performance, overall, (services, why), health = await asyncio.gather(
            self._read(questions.ERRORS, period),
            self._read(questions.PERFORMANCE, period),
            self._read(questions.UPTIME, period),
            read_services(self._context.tools.prometheus, questions.SERVICES, period),
            self._health.get(),
        )
        uptime = section(Uptime, overall)
        uptime["services"] = [service_shown(name, services[name]) for name in sorted(services)]
        uptime["missing"] |= {"services": why} if why else {}
        return {
            "timestamp": self._now(),
            "period": period,
            "errors": section(Errors, errors),
            "performance": section(Performance, performance),
            "uptime": uptime,
            "alerts": await self._stats(),
            "health": health_shown(health, self._now()),
        }

    async def _figures(self) -> Admin:
        database, cache, usage, found, counted = await asyncio.gather(
            self._read(questions.DATABASE, NOW),
            self._read(questions.CACHE, NOW),
            self._read(questions.USAGE, NOW),
            self._open(),
            self._stats(),
        )
        return {
            "timestamp": self._now(),
            "database": section(Database, database),
            "cache": section(Cache, cache),
            "usage": section(Usage, usage),
            "alerts": {"alerts": [*map(shown, found)], "stats": counted},
        }

    async def _judged(self) -> Health:
        asked = {part: getattr(questions, part.upper())[name] for part, name in _SEEN.items()}
        found = await self._read(asked, NOW)
        unseen = {part for part, one in found.items() if one.value is None}
        dark = self._context.tools.prometheus is not None and any(
            one.why not in {"", NO_DATA} for one in found.values()
        )
        return judge(await self._context.journal.open_alerts(), unseen, dark=dark)

    async def _open(self) -> tuple[Incident, ...]:
        return await self._context.journal.open_incidents(MOST)

    async def _stats(self) -> AlertStats:
        return stats(await self._context.journal.standing())

    async def _read(self, asked: Questions, period: str) -> Found:
        return await read(self._context.tools.prometheus, asked, period)

    def _now(self) -> str:
        return timestamp(self._context.now())
