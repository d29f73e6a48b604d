"""Where Sentry's clients send: `/api/<id>/envelope/` and the older `/api/<id>/store/`, with the key of the DSN."""

from __future__ import annotations

import re
from collections.abc import Callable

from aiohttp import web

from exporter.intake.collector import Intake, LimitedError
from exporter.intake.envelope import MalformedError
from exporter.intake.settings import Project
from prunella.service.answers import Refused
from prunella.service.auth import Denied, Scope
from prunella.service.web import Route

_KEY = re.compile(r"(?:^|[\s,])sentry_key=([A-Za-z0-9]{1,64})(?:$|[\s,])")
_ANYWHERE = {"Access-Control-Allow-Origin": "*"}  # browsers send, too; there is nothing to read
_PROJECT = web.RequestKey("intake project", Project)


def routes(current: Callable[[], object]) -> tuple[Route, ...]:
    """`current` gives the collector in force; without one there is nothing here."""

    async def proof(request: web.Request) -> str:
        intake = current()
        if not isinstance(intake, Intake):
            raise Refused(404, "not_configured", "intake has no project in exporter.yml")
        project = intake.project(request.match_info["project"], _key_of(request))
        if project is None:
            raise Denied("the DSN's project or key is not known here", reason="unknown_dsn")
        request[_PROJECT] = project
        return project.service

    async def take(request: web.Request) -> web.Response:
        intake = current()
        if not isinstance(intake, Intake):
            raise Refused(404, "not_configured", "intake has no project in exporter.yml")
        store = request.path.endswith("/store/")
        try:
            number = intake.take(request[_PROJECT], await request.read(), store=store)
        except MalformedError as error:
            raise Refused(400, "malformed", str(error), _ANYWHERE) from error
        except LimitedError:
            later = {**_ANYWHERE, "Retry-After": "60"}
            raise Refused(429, "rate_limited", "too many events this minute", later) from None
        return web.json_response({"id": number}, headers=_ANYWHERE)

    return tuple(
        Route("POST", f"/api/{{project:[0-9]+}}/{kind}/", Scope.SIGNED, take, proof)
        for kind in ("envelope", "store")
    )


def _key_of(request: web.Request) -> str:
    """The header is what programs send, the query what browsers do."""
    found = _KEY.search(request.headers.get("X-Sentry-Auth", "").removeprefix("Sentry "))
    return found[1] if found else request.query.get("sentry_key", "")
