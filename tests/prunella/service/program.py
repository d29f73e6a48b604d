"""A service small enough to start in every test: `python -m tests.prunella.service.program --config FILE`."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from prunella.logs import create_logger
from prunella.service.auth import Auth, Scope
from prunella.service.main import Program, main
from prunella.service.reload import Live
from prunella.service.route import Route
from prunella.service.settings import Duration, Listen, ListenAddress, Settings, load
from prunella.service.web import Service

log = create_logger("small")


class Config(Settings):
    listen: Listen = ListenAddress("127.0.0.1", 0)
    every: Duration = 1.0
    grace: Duration = 0.3


async def stubborn(_: web.Request) -> web.Response:
    log.info("hanging")
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            continue


async def blocking(_: web.Request) -> web.Response:
    log.info("hanging")
    time.sleep(3600)  # noqa: ASYNC251 - the mistake whose effect is tested
    return web.Response()


async def polite(_: web.Request) -> web.Response:
    log.info("hanging")
    await asyncio.sleep(3600)
    return web.Response()


async def forgetful(_: web.Request) -> web.Response:
    """What a driver leaves behind whose connection is given up before its host's name is known not to resolve."""
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    asyncio.get_running_loop().create_future().set_exception(unknown)
    return web.Response()


@asynccontextmanager
async def start(live: Live[Config]) -> AsyncIterator[Service]:
    async def every(_: web.Request) -> web.Response:
        return web.json_response({"every": live.current.every})

    yield Service(
        listen=live.current.listen,
        auth=Auth({}, open_when_unset=True),
        routes=(
            Route("GET", "/every", Scope.OPEN, every),
            Route("GET", "/stubborn", Scope.OPEN, stubborn),
            Route("GET", "/blocking", Scope.OPEN, blocking),
            Route("GET", "/polite", Scope.OPEN, polite),
            Route("GET", "/forgetful", Scope.OPEN, forgetful),
        ),
        reload=live.reload,
        grace=live.current.grace,
    )


if __name__ == "__main__":
    program = Program("small", lambda file, env: load(Config, file, env), start, last_resort=2.0)
    sys.exit(main(program))
