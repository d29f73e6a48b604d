"""What tells open pages that something has happened: one number, as server-sent events.

The journal is asked once a second for everybody who listens, and by nobody if nobody does, so that a page is told also of
what another receiver has done. A browser that comes back says which number it has, and is told at once if that is old.
Everybody who listens costs a connection: there is room for so many, and whoever may not read any more is sent away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.described import Media, describes
from receiver.journal import JournalUnavailable
from receiver.stages.context import Context
from receiver.web.monitoring.readings import Shared

MOST = 100
LOOK_EVERY = 1.0
HEARTBEAT = 15.0  # a proxy cuts what is silent for longer; and so often is asked who may stay
_BEAT, _AGAIN = b": \n\n", b"retry: 3000\n\n"


class Events:
    """The route /events, for all pages of one receiver."""

    def __init__(
        self,
        context: Context,
        reads: Callable[[web.Request], Awaitable[str]],
        beat: float = HEARTBEAT,
    ) -> None:
        self._reads, self._beat = reads, beat
        self._latest = Shared(context.journal.latest, context.tools.clock, LOOK_EVERY)
        self._clock = context.tools.clock
        self._listeners = 0
        self._ended = asyncio.Event()

    def end(self) -> None:
        """Lets everybody go: the service stops."""
        self._ended.set()

    @describes({200: Media(("text/event-stream",))}, refuses=(503,))
    async def listen(self, request: web.Request) -> web.StreamResponse:
        """A number, and another one whenever something has happened; until whoever listens goes."""
        if self._listeners >= MOST:
            text = "too many pages are open: this one looks again by itself"
            raise Refused(503, "too_many_listeners", text, {"Retry-After": "30"})
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        self._listeners += 1
        try:
            await response.prepare(request)
            await response.write(_AGAIN)
            await self._tell(request, response)
        except (ConnectionError, Refused, JournalUnavailable):
            pass  # it has gone, or may not stay, or nobody can say whether it may
        finally:
            self._listeners -= 1
        return response

    async def _tell(self, request: web.Request, response: web.StreamResponse) -> None:
        told, asked = request.headers.get("Last-Event-ID", ""), self._clock.monotonic()
        while not self._ended.is_set() and request.transport is not None:
            if self._clock.monotonic() - asked >= self._beat:
                await self._reads(request)
                await response.write(_BEAT)
                asked = self._clock.monotonic()
            number = await self._number(told)
            if number != told:
                await response.write(f"id: {number}\ndata: {number}\n\n".encode())
                told = number
            await self._pause()

    async def _number(self, otherwise: str) -> str:
        try:
            return str(await self._latest.get())
        except JournalUnavailable:
            return otherwise

    async def _pause(self) -> None:
        try:
            await asyncio.wait_for(self._ended.wait(), LOOK_EVERY)
        except TimeoutError:
            return
