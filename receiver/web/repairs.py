"""`POST /api/v1/repairs`: one action on one target, because an operator says so."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from pydantic import Field, JsonValue

from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from receiver.stages.context import Context
from receiver.stages.repair import repair
from receiver.web.begun import begun, told_why_not
from receiver.web.bodies import read_object, validated
from receiver.web.shapes import Begun


class RepairBody(Settings):
    """What an operator asks for."""

    target: str
    action: str
    options: dict[str, JsonValue] = Field(default_factory=dict)


class Repairs:
    """The route, and who is woken by it."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({202: Begun}, refuses=(409,), takes=RepairBody)
    async def ask(self, request: web.Request) -> web.Response:
        """202 once the incident is on disk; what becomes of it is in its timeline."""
        body = validated(RepairBody, await read_object(request))
        by = request[CLIENT] or "operator"
        with told_why_not():
            incident = await repair(body.target, body.action, body.options, by, self._context)
        self._wake()
        return begun(incident)
