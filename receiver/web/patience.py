"""A journal that cannot be asked is no mistake of whoever asks, nor a bug: they are told so, and to come again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.web import Route
from receiver.journal import JournalUnavailable

R = TypeVar("R")
_TEXT = "the journal cannot be read or written right now: try again; the receiver's log says why"

log = create_logger("prunella.receiver")


def patient(route: Route) -> Route:
    """The route, whose handler and whose proof answer 503 without a journal."""
    proof = route.proof if route.proof is None else _told(route.proof)
    return replace(route, handler=_told(route.handler), proof=proof)


def come_again(text: str) -> Refused:
    """A 503 that says when."""
    return Refused(503, "journal_unavailable", text, {"Retry-After": "5"})


def _told(asked: Callable[[web.Request], Awaitable[R]]) -> Callable[[web.Request], Awaitable[R]]:
    @wraps(asked)
    async def told(request: web.Request) -> R:
        try:
            return await asked(request)
        except JournalUnavailable as gone:
            log.warning("no journal to answer with", path=request.path, error=str(gone))
            raise come_again(_TEXT) from gone

    return told
