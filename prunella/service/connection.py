"""What aiohttp says by itself, to clients that send no HTTP or break off in the middle: in our one shape of an error,
without its name and version, and without a traceback in the log for each of them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from prunella.service.answers import OUR_HEADERS, Refused, reason_of
from prunella.service.responses import response_of

_NEVER = 1e9  # seconds; how long a connection may be idle is the Guard's business
_LINGER = 1.0  # seconds to read on after an early answer, so that the client gets to see it
_LONGEST = 200


def _quiet_logger() -> logging.Logger:
    """aiohttp's log without a traceback for every client that does not speak HTTP."""
    logger = logging.getLogger("prunella.service.http")
    if _is_ours not in logger.filters:
        logger.addFilter(_is_ours)
    return logger


def _is_ours(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, HttpProcessingError | web.RequestPayloadError)


class Connection(web.RequestHandler):
    """aiohttp's protocol, one for each connection."""

    __slots__ = ()

    def __init__(self, server: web.Server) -> None:
        usual: dict[str, Any] = {
            "access_log": None,
            "logger": _quiet_logger(),
            "lingering_time": _LINGER,
            "keepalive_timeout": _NEVER,
        }
        super().__init__(server, loop=asyncio.get_running_loop(), **usual)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        super().handle_error(request, status, exc, message)  # logs; raises if an answer was begun
        text = "internal error; see the log"
        if status < 500:
            said = (message or "").strip().partition("\n")[0].rstrip(":")  # what follows is theirs
            text = f"this is not HTTP: {said}"[:_LONGEST]
        answer = response_of(Refused(status, reason_of(status), text, OUR_HEADERS).given)
        answer.force_close()
        return answer
