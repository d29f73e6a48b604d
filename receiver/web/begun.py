"""What an operator asks for begins in an incident of its own, or is refused: every route that asks says so alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from prunella.service.answers import Refused
from receiver.stages.repair import NotNow, NotThis
from receiver.web.shapes import Begun


@contextmanager
def told_why_not() -> Iterator[None]:
    """409 for what could be done another time, 422 for what never will be. Raises Refused."""
    try:
        yield
    except NotThis as refusal:
        status = 409 if isinstance(refusal, NotNow) else 422
        raise Refused(status, refusal.reason, str(refusal)) from refusal


def begun(incident: int) -> web.Response:
    """202: it is on disk, and what becomes of it is in its timeline."""
    said: Begun = {"incident": incident}
    return web.json_response(said, status=202)
