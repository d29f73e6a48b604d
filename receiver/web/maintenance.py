"""Maintenance windows over the API: announced work, during which nothing that matches is repaired."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypedDict

from aiohttp import web
from pydantic import AfterValidator, Field

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.described import describes
from prunella.service.settings import Duration, Settings
from prunella.service.units import at_most
from prunella.timestamps import timestamp
from receiver.decide.maintenance import Window
from receiver.decide.matchers import Matcher, Matchers, matches_all
from receiver.stages.context import Context
from receiver.web.bodies import read_object, validated
from receiver.webhook import Time

MOST_OPEN = 100
FURTHEST = 366 * 86400.0  # seconds; a date beyond is a slip of the pen


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
    starts_at: Time | None = None
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
    """Those that are open or still to come, oldest first."""

    maintenance: list[WindowShown]


class WindowBegun(TypedDict):
    """A window that has begun, or will."""

    id: int
    starts_at: str
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
        """Those that are open or still to come, oldest first."""
        found = await self._context.journal.windows(self._context.now())
        listed: WindowList = {"maintenance": [_shown(window) for window in found]}
        return web.json_response(listed)

    @describes({200: WindowBegun}, refuses=(409,), takes=WindowBody)
    async def begin(self, request: web.Request) -> web.Response:
        """Begins now, or at `starts_at`; ends by itself, `duration` after that."""
        body = validated(WindowBody, await read_object(request))
        now = self._context.now()
        if len(await self._context.journal.windows(now)) >= MOST_OPEN:
            raise Refused(409, "too_many", f"{MOST_OPEN} windows are open already: end some first")
        began, until = _when(body, now)
        window = Window(body.matchers, began, until, body.reason, request[CLIENT] or "operator")
        number = await self._context.journal.open_window(window, now)
        begun: WindowBegun = {
            "id": number,
            "starts_at": timestamp(window.began),
            "ends_at": timestamp(window.until),
        }
        return web.json_response(begun)

    @describes({200: WindowEnded}, refuses=(404,))
    async def end(self, request: web.Request) -> web.Response:
        """Ends one before its time; what it held back is asked about at once."""
        number, by = int(request.match_info["id"]), request[CLIENT] or "operator"
        if not await self._context.journal.close_window(number, by, self._context.now()):
            raise Refused(404, "not_found", f"no maintenance window {number} is open or to come")
        self._wake()
        ended: WindowEnded = {"id": number, "ended_by": by}
        return web.json_response(ended)


def _when(body: WindowBody, now: float) -> tuple[float, float]:
    """From when until when. One whose beginning has passed has what is left of it. Raises Refused."""
    began = now if body.starts_at is None else body.starts_at.timestamp()
    until = began + body.duration
    if until <= now:
        raise Refused(422, "wrong_shape", f"starts_at: it would have ended at {timestamp(until)}")
    if began > now + FURTHEST:
        raise Refused(422, "wrong_shape", "starts_at: must be within a year")
    return max(now, began), until


def _shown(window: Window) -> WindowShown:
    return {
        "id": window.id,
        "matchers": [str(matcher) for matcher in window.matchers],
        "starts_at": timestamp(window.began),
        "ends_at": timestamp(window.until),
        "reason": window.reason,
        "by": window.by,
    }
