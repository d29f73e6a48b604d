"""Where Sentry's clients send: `/api/<id>/envelope/` and the older `/api/<id>/store/`, with the key of the DSN."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from exporter.intake.collector import Intake, LimitedError
from exporter.intake.envelope import MalformedError
from prunella.service.answers import Given, Refused, as_json
from prunella.service.auth import Denied, Scope
from prunella.service.route import Route

if TYPE_CHECKING:
    from aiohttp import web

_KEY = re.compile(r"(?:^|[\s,])sentry_key=([A-Za-z0-9]{1,64})(?:$|[\s,])")
_ANYWHERE = {"Access-Control-Allow-Origin": "*"}  # browsers send, too; there is nothing to read


class Desk:
    """`current` gives the collector in force; without one there is nothing here."""

    def __init__(self, current: Callable[[], object]) -> None:
        self._current = current

    def _intake(self) -> Intake:
        found = self._current()
        if not isinstance(found, Intake):
            raise Refused(404, "not_configured", "intake has no project in exporter.yml")
        return found

    async def prove(self, request: web.Request) -> str:
        """The project, by its number."""
        project = self._intake().project(request.match_info["project"], _key_of(request))
        if project is None:
            raise Denied("the DSN's project or key is not known here", reason="unknown_dsn")
        return project.id

    async def take(self, kind: str, body: bytes, client: str) -> Given:
        intake = self._intake()
        project = intake.projects.get(client)
        if project is None:
            raise Refused(404, "not_configured", "exporter.yml has this project no more")
        try:
            number = intake.take(project, body, store=kind == "store")
        except MalformedError as error:
            raise Refused(400, "malformed", str(error), _ANYWHERE) from error
        except LimitedError:
            later = {**_ANYWHERE, "Retry-After": "60"}
            raise Refused(429, "rate_limited", "too many events this minute", later) from None
        return as_json({"id": number}, headers=_ANYWHERE)


def routes(current: Callable[[], object]) -> tuple[Route, ...]:
    """Of the collector that is in force."""
    desk = Desk(current)
    return tuple(
        Route(
            *("POST", f"/api/{{project:[0-9]+}}/{kind}/", Scope.SIGNED),
            proof=desk.prove,
            take=partial(desk.take, kind),
        )
        for kind in ("envelope", "store")
    )


def _key_of(request: web.Request) -> str:
    """The header is what programs send, the query what browsers do."""
    found = _KEY.search(request.headers.get("X-Sentry-Auth", "").removeprefix("Sentry "))
    return found[1] if found else request.query.get("sentry_key", "")
