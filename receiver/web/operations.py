"""The journal as lines, and the pause switch."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.web import CLIENT
from receiver.stages.context import Context
from receiver.web.bodies import read_object


class Operations:
    """Routes that concern the whole receiver."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

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

    async def pause(self, request: web.Request) -> web.Response:
        """No action begins any more; watching and telling go on."""
        body = await read_object(request)
        reason = body.get("reason", "")
        if not isinstance(reason, str) or len(reason) > 500:
            raise Refused(422, "wrong_shape", "`reason` must be text of at most 500 characters")
        by = request[CLIENT] or "operator"
        await self._context.journal.pause(by, reason, self._context.now())
        return web.json_response({"paused": True, "by": by, "reason": reason})

    async def resume(self, request: web.Request) -> web.Response:
        """Actions may begin again; what waited is asked about anew."""
        await read_object(request)
        by = request[CLIENT] or "operator"
        await self._context.journal.resume(by, self._context.now())
        self._wake()
        return web.json_response({"paused": False, "by": by})

    async def status(self, request: web.Request) -> web.Response:
        """What an operator asks first."""
        counts = await self._context.journal.counts()
        paused = await self._context.journal.paused()
        body = {
            "mode": str(self._context.settings().mode),
            "paused": paused is not None,
            "paused_why": paused,
            "stop_file": self._context.stopped(),
            "incidents": dict(counts),
        }
        return web.json_response(body)
