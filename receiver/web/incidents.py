"""Incidents over the API: what is wrong, what was done and why, and the four things a human may say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from receiver.decide.incident import Incident, State
from receiver.journal import Conflict, Page
from receiver.outside.runbooks import runbook_link
from receiver.stages import command
from receiver.stages.context import Context
from receiver.web.bodies import Nothing, read_object
from receiver.web.paging import before_of, limit_of
from receiver.web.shapes import IncidentList, IncidentRow, IncidentTold, incident_json, timeline

Word = Callable[[int, str, Context], Awaitable[Incident]]
WORDS: dict[str, Word] = {
    "acknowledge": command.acknowledge,
    "approve": command.approve,
    "deny": command.deny,
    "resolve": command.resolve,
}
LISTED = 100


class Incidents:
    """The routes under `/api/v1/incidents`."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes(
        {200: IncidentList}, refuses=(400,), query={"state": State, "limit": int, "before": int}
    )
    async def list(self, request: web.Request) -> web.Response:
        """Newest first; `?state=&limit=&before=` where `before` is an id."""
        query = request.query
        state = query.get("state")
        if state is not None and state not in frozenset(State):
            raise Refused(400, "bad_query", f"unknown state {state!r}; known: {', '.join(State)}")
        page = Page(state, limit_of(query, LISTED), before_of(query))
        found = await self._context.journal.incidents(page)
        listed: IncidentList = {"incidents": [incident_json(incident) for incident in found]}
        return web.json_response(listed)

    @describes({200: IncidentTold}, refuses=(404,))
    async def one(self, request: web.Request) -> web.Response:
        """One incident with its timeline."""
        incident = await self._context.journal.incident(_number(request))
        if incident is None:
            raise Refused(404, "not_found", f"there is no incident {request.match_info['id']}")
        lines = [line async for line in self._context.journal.export(incident.id)]
        settings = self._context.settings()
        base = settings.server.public_url or ""
        runbook = runbook_link(incident.labels, incident.annotations, settings.runbooks, base)
        told: IncidentTold = {
            **incident_json(incident),
            "runbook": runbook,
            "timeline": timeline(lines),
        }
        return web.json_response(told)

    @describes({200: IncidentRow}, refuses=(404, 409), takes=Nothing)
    async def say(self, request: web.Request) -> web.Response:
        """acknowledge, approve, deny or resolve."""
        await read_object(request)
        word = WORDS[request.match_info["word"]]
        number = _number(request)
        try:
            incident = await word(number, request[CLIENT] or "operator", self._context)
        except LookupError as missing:
            raise Refused(404, "not_found", str(missing)) from missing
        except Conflict as conflict:
            raise Refused(409, "conflict", str(conflict)) from conflict
        self._wake()
        return web.json_response(incident_json(incident))


def _number(request: web.Request) -> int:
    return int(request.match_info["id"])
