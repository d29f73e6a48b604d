"""A journal that cannot be asked is no mistake of whoever asks, nor a bug: they are told so, and to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import TypeVar

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.answers import Refused
from prunella.service.responses import path_of
from prunella.service.route import Route
from receiver.journal import JournalUnavailable

R = TypeVar("R")
PATIENCE = 5.0  # seconds for which somebody looks at an empty window
_TEXT = "the journal cannot be read or written right now: try again; the receiver's log says why"

log = create_logger("prunella.receiver")


def patient(route: Route) -> Route:
    """The route, whose handler and whose proof answer 503 without a journal."""
    proof = route.proof if route.proof is None else _told(route.proof)
    return replace(route, handler=_told(route.handled), proof=proof)


def prompt(route: Route) -> Route:
    """The route for people, whose handler says in time what is known: of what was asked nothing, of what was to be done
    not even whether it was."""
    handler, within = route.handled, promptly if route.method == "GET" else heard

    @wraps(handler)
    async def timely(request: web.Request) -> web.StreamResponse:
        return await within(handler(request))

    return replace(route, handler=timely)


async def promptly(asked: Awaitable[R], patience: float = PATIENCE) -> R:
    """What a person waits for. Raises JournalUnavailable for what takes too long, and does not see it through."""
    try:
        return await _in_time(asked, patience)
    except _Late as late:
        raise JournalUnavailable(str(late)) from late


async def heard(said: Awaitable[R], patience: float = PATIENCE) -> R:
    """The same of a word that changes something: it may be on its way to the disk. Raises Refused."""
    try:
        return await _in_time(said, patience)
    except _Late as late:
        text = f"{late}: it is not known whether this was done. Look before you say it again"
        log.warning("nobody can say whether a word was heard", error=str(late))
        raise Refused(503, "outcome_unknown", text, {"Retry-After": "5"}) from late


class _Late(Exception):
    """There was no answer in time."""


async def _in_time(asked: Awaitable[R], patience: float) -> R:
    task = asyncio.ensure_future(asked)
    try:
        await asyncio.wait({task}, timeout=patience)
        if task.done():
            return task.result()
    finally:
        task.add_done_callback(_forget)
        task.cancel()
    raise _Late(f"the journal gave no answer within {patience:g} s")


def _forget(task: asyncio.Future[R]) -> None:
    """How it has ended after all, which is asked for because asyncio complains of what nobody asks for."""
    if not task.cancelled():
        task.exception()


def come_again(text: str) -> Refused:
    """A 503 that says when."""
    return Refused(503, "journal_unavailable", text, {"Retry-After": "5"})


def _told(asked: Callable[[web.Request], Awaitable[R]]) -> Callable[[web.Request], Awaitable[R]]:
    @wraps(asked)
    async def told(request: web.Request) -> R:
        try:
            return await asked(request)
        except JournalUnavailable as gone:
            log.warning("no journal to answer with", path=path_of(request), error=str(gone))
            raise come_again(_TEXT) from gone

    return told
