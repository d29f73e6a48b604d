"""Maintenance windows over the API: announced work, during which nothing that matches is repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypedDict

from aiohttp import web
from pydantic import AfterValidator, Field

from prunella.service.answers import Refused
from prunella.service.described import describes
from prunella.service.settings import Duration, Settings
from prunella.service.units import at_most
from prunella.service.web import CLIENT
from receiver.decide.maintenance import Window
from receiver.decide.matchers import Matcher, Matchers, matches_all
from receiver.stages.context import Context
from receiver.web.bodies import read_object, validated
from receiver.web.shapes import moment

MOST_OPEN = 100


def _narrow(matchers: tuple[Matcher, ...]) -> tuple[Matcher, ...]:
    """As of a silence: one that holds for an alert without labels would hold back everything."""
    if matches_all(matchers, {}):
        raise ValueError(
            "would match everything: say for example 'service=\"shop\"' (to stop it all, pause)"
        )
    return matchers


class WindowBody(Settings):
    """What an operator says of a window."""

    matchers: Annotated[Matchers, Field(min_length=1, max_length=20), AfterValidator(_narrow)]
    duration: Annotated[Duration, Field(gt=0), at_most("30d")]
    reason: Annotated[str, Field(max_length=500)] = ""


class WindowShown(TypedDict):
    """Announced work."""

    id: int
    matchers: list[str]
    starts_at: str
    ends_at: str
    reason: str
    by: str


class WindowList(TypedDict):
    """Those that are open, oldest first."""

    maintenance: list[WindowShown]


class WindowBegun(TypedDict):
    """A window that has begun."""

    id: int
    ends_at: str


class WindowEnded(TypedDict):
    """A window that somebody has ended."""

    id: int
    ended_by: str


class Maintenance:
    """The routes under `/api/v1/maintenance`."""

    def __init__(self, context: Context, wake: Callable[[], None]) -> None:
        self._context = context
        self._wake = wake

    @describes({200: WindowList})
    async def list(self, request: web.Request) -> web.Response:
        """Those that are open, oldest first."""
        found = await self._context.journal.windows(self._context.now())
        listed: WindowList = {"maintenance": [_shown(window) for window in found]}
        return web.json_response(listed)

    @describes({200: WindowBegun}, refuses=(409,), takes=WindowBody)
    async def begin(self, request: web.Request) -> web.Response:
        """Begins now; ends by itself."""
        body = validated(WindowBody, await read_object(request))
        now = self._context.now()
        if len(await self._context.journal.windows(now)) >= MOST_OPEN:
            raise Refused(409, "too_many", f"{MOST_OPEN} windows are open already: end some first")
        by = request[CLIENT] or "operator"
        window = Window(body.matchers, now, now + body.duration, body.reason, by)
        number = await self._context.journal.open_window(window)
        begun: WindowBegun = {"id": number, "ends_at": moment(window.until)}
        return web.json_response(begun)

    @describes({200: WindowEnded}, refuses=(404,))
    async def end(self, request: web.Request) -> web.Response:
        """Ends one before its time; what it held back is asked about at once."""
        number, by = int(request.match_info["id"]), request[CLIENT] or "operator"
        if not await self._context.journal.close_window(number, by, self._context.now()):
            raise Refused(404, "not_found", f"no maintenance window {number} is open")
        self._wake()
        ended: WindowEnded = {"id": number, "ended_by": by}
        return web.json_response(ended)


def _shown(window: Window) -> WindowShown:
    return {
        "id": window.id,
        "matchers": [str(matcher) for matcher in window.matchers],
        "starts_at": moment(window.began),
        "ends_at": moment(window.until),
        "reason": window.reason,
        "by": window.by,
    }
