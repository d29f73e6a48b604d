"""The journal as lines, and the pause switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypedDict

from aiohttp import web
from pydantic import Field

from prunella.service.application import CLIENT
from prunella.service.described import Media, describes
from prunella.service.settings import Settings
from receiver.decide.plan import Mode
from receiver.stages.context import Context
from receiver.web.bodies import Nothing, read_object, validated


class PauseBody(Settings):
    """Why nothing may begin."""

    reason: Annotated[str, Field(max_length=500)] = ""


class Paused(TypedDict):
    """The switch after it was thrown."""

    paused: bool
    by: str
    reason: str


class Resumed(TypedDict):
    """The switch after it was thrown."""

    paused: bool
    by: str


class Situation(TypedDict):
    """What an operator asks first; `incidents` counts those that are open, by state."""

    mode: Mode
    paused: bool
    paused_why: str | None
    stop_file: bool
    incidents: dict[str, int]


class Operations:
    """Routes that concern the whole receiver."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({200: Media(("application/x-ndjson",))})
    async def journal(self, request: web.Request) -> web.StreamResponse:
        """Every audit row as one JSON line, in order."""
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        chunk: list[str] = []
        async for line in self._context.journal.export():
            chunk.append(line)
            if len(chunk) >= 500:
                await response.write(("\n".join(chunk) + "\n").encode())
                chunk.clear()
        if chunk:
            await response.write(("\n".join(chunk) + "\n").encode())
        await response.write_eof()
        return response

    @describes({200: Paused}, takes=PauseBody)
    async def pause(self, request: web.Request) -> web.Response:
        """No action begins any more; watching and telling go on."""
        reason = validated(PauseBody, await read_object(request)).reason
        by = request[CLIENT] or "operator"
        await self._context.journal.pause(by, reason, self._context.now())
        said: Paused = {"paused": True, "by": by, "reason": reason}
        return web.json_response(said)

    @describes({200: Resumed}, takes=Nothing)
    async def resume(self, request: web.Request) -> web.Response:
        """Actions may begin again; what waited is asked about anew."""
        await read_object(request)
        by = request[CLIENT] or "operator"
        await self._context.journal.resume(by, self._context.now())
        self._wake()
        said: Resumed = {"paused": False, "by": by}
        return web.json_response(said)

    @describes({200: Situation})
    async def status(self, request: web.Request) -> web.Response:
        """What an operator asks first."""
        counts = await self._context.journal.counts()
        paused = await self._context.journal.paused()
        body: Situation = {
            "mode": self._context.settings().mode,
            "paused": paused is not None,
            "paused_why": paused,
            "stop_file": self._context.stopped(),
            "incidents": dict(counts),
        }
        return web.json_response(body)
