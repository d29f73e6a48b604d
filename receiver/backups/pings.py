"""A check at Healthchecks that hears of every run: who watches from outside learns also of a run that never began."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prunella.logs import create_logger
from receiver.backups.base import Ground
from receiver.tools import OutsideError

log = create_logger("prunella.receiver.backups")
PATIENCE = 10.0


@asynccontextmanager
async def pinged(ground: Ground, what: str) -> AsyncIterator[None]:
    """`/start`, and success or `/fail` at the end. A ping that fails is only logged: it is not what is to be saved."""
    if ground.facet.ping_url is None:
        yield
        return
    run = str(uuid.uuid4())
    await _ping(ground, "/start", run, what)
    well = False
    try:
        yield
        well = True
    finally:
        await _ping(ground, "" if well else "/fail", run, what)


async def _ping(ground: Ground, word: str, run: str, what: str) -> None:
    if ground.facet.ping_url is None:
        return
    url, _, query = ground.facet.ping_url.get_secret_value().partition("?")
    asked = f"?{query}&rid={run}" if query else f"?rid={run}"
    body = f"{what} of {ground.target}".encode()
    try:
        await ground.tools.http.request(
            "POST", f"{url.rstrip('/')}{word}{asked}", timeout=PATIENCE, body=body
        )
    except OutsideError as error:
        log.warning("the check was not told", target=ground.target, error=str(error))
