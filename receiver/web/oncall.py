"""Who is on call, and who stands in, over the API."""

from __future__ import annotations

from typing import Annotated, TypedDict

from aiohttp import web
from pydantic import Field

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Duration, Settings
from prunella.service.units import at_most
from receiver.decide.rotation import Override, Rotation
from receiver.stages.context import Context
from receiver.unknown import unknown
from receiver.web.bodies import read_object, validated
from receiver.web.shapes import rfc3339


class OverrideBody(Settings):
    """Who stands in, and for how long from now."""

    member: str
    duration: Annotated[Duration, Field(gt=0), at_most("30d")]


class Turn(TypedDict):
    """Who is called now, and whose turn it would be if nobody stood in."""

    rotation: str
    member: str
    turn: str
    until: str | None
    by: str | None


class Turns(TypedDict):
    """Rotation by rotation."""

    oncall: list[Turn]


class OnCallRoutes:
    """The routes under `/api/v1/oncall`."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @describes({200: Turns})
    async def list(self, request: web.Request) -> web.Response:
        """Every rotation, and whose turn it is."""
        rotations = self._context.settings().rotations
        listed: Turns = {"oncall": [self._shown(name) for name in rotations]}
        return web.json_response(listed)

    @describes({200: Turn}, refuses=(404,), takes=OverrideBody)
    async def stand_in(self, request: web.Request) -> web.Response:
        """Somebody takes over at once; it ends by itself."""
        name, rotation = self._rotation(request)
        body = validated(OverrideBody, await read_object(request))
        if body.member not in rotation.members:
            said = unknown(f"member of {name}", body.member, rotation.members)
            raise Refused(422, "unknown_member", said)
        until = self._context.now() + body.duration
        return await self._say(request, name, Override(body.member, until, self._by(request)))

    @describes({200: Turn}, refuses=(404,))
    async def end(self, request: web.Request) -> web.Response:
        """Whose turn it is has it again."""
        name, rotation = self._rotation(request)
        now = self._context.now()
        ended = Override(self._context.oncall.turn(name, rotation, now)[0], now, self._by(request))
        return await self._say(request, name, ended)

    async def _say(self, request: web.Request, name: str, said: Override) -> web.Response:
        context = self._context
        await context.oncall.stand_in(context.journal, name, said, context.now())
        return web.json_response(self._shown(name))

    def _rotation(self, request: web.Request) -> tuple[str, Rotation]:
        name, rotations = request.match_info["name"], self._context.settings().rotations
        if name not in rotations:
            raise Refused(404, "not_found", unknown("rotation", name, rotations))
        return name, rotations[name]

    def _by(self, request: web.Request) -> str:
        return request[CLIENT] or "operator"

    def _shown(self, name: str) -> Turn:
        context, rotation = self._context, self._context.settings().rotations[name]
        now = context.now()
        override = context.oncall.override(name, now)
        return {
            "rotation": name,
            "member": ", ".join(context.oncall.called(name, rotation, now)),
            "turn": ", ".join(context.oncall.turn(name, rotation, now)),
            "until": None if override is None else rfc3339(override.until),
            "by": None if override is None else override.by,
        }
