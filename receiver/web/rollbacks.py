"""`POST /api/v1/rollbacks`: back to an earlier release, because an operator says so; and the end of a deploy freeze."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Settings
from receiver.decide.ledger import NotThat, unfrozen
from receiver.stages.context import Context
from receiver.stages.roll_back import roll_back
from receiver.unknown import unknown
from receiver.web.begun import begun, told_why_not
from receiver.web.bodies import read_object, validated
from receiver.web.shapes import Begun


class RollbackBody(Settings):
    """What is gone back; without `to` to the last known good version."""

    target: str
    to: str | None = None


class UnfreezeBody(Settings):
    """Whose deploys may begin again."""

    target: str


class Unfrozen(TypedDict):
    """Whose deploys may begin again."""

    target: str
    version: str
    unfrozen_by: str


class Rollbacks:
    """The routes, and who is woken by them."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({202: Begun}, refuses=(409,), takes=RollbackBody)
    async def ask(self, request: web.Request) -> web.Response:
        """202 once the incident is on disk; 409 with the reason when the ledger speaks against it."""
        body = validated(RollbackBody, await read_object(request))
        by = request[CLIENT] or "operator"
        with told_why_not():
            incident = await roll_back(body.target, body.to, by, self._context)
        self._wake()
        return begun(incident)

    @describes({200: Unfrozen}, refuses=(404,), takes=UnfreezeBody)
    async def unfreeze(self, request: web.Request) -> web.Response:
        """A human has looked."""
        body = validated(UnfreezeBody, await read_object(request))
        by, now = request[CLIENT] or "operator", self._context.now()
        try:
            release = await self._context.journal.enter(body.target, unfrozen(body.target, by), now)
        except NotThat as refusal:
            if body.target not in (targets := self._context.settings().targets):
                unheard = unknown("target", body.target, targets)
                raise Refused(422, "unknown_target", unheard) from refusal
            raise Refused(404, refusal.reason, str(refusal)) from refusal
        self._wake()
        said: Unfrozen = {
            "target": release.target,
            "version": release.version,
            "unfrozen_by": by,
        }
        return web.json_response(said)
