"""A lookup that nobody waits for any more may fail in silence: who gave up waiting has said so in words of his own.

uvloop lets go of the lookup for a connection that is given up meanwhile (its pull request 590), whoever's driver it is. When that
fails later, asyncio would log an error that names neither the host nor who asked.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any


def ignore_forgotten_lookups(loop: asyncio.AbstractEventLoop) -> None:
    """Everything else that nobody took is logged as ever."""
    loop.set_exception_handler(_report)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    failed = isinstance(context.get("exception"), socket.gaierror)
    if not (failed and type(context.get("future")) is asyncio.Future):
        loop.default_exception_handler(context)
