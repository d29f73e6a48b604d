"""healthchecks.io's ping address, and the state of the check as its owner would see it.

After healthchecks.io, "Pinging API": any ping is answered with 200, also one of a check that does not exist.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

CHECK = "c4nary00-5b2e-4000-8000-000000000000"
_WORDS = {"", "/start", "/fail", "/log"}


@dataclass
class HealthchecksStandIn:
    url: str = ""
    state: str = "new"
    pings: list[tuple[str, str]] = field(default_factory=list)  # word and body
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        check, _, word = request.match_info["path"].partition("/")
        word = f"/{word}" if word else ""
        if word not in _WORDS:
            return web.Response(status=404, text="not found")
        if check != CHECK:
            return web.Response(text="OK (not found)")
        body = await request.read()
        self.pings.append((word, body[:10_000].decode()))
        self.state = {"": "up", "/fail": "down"}.get(word, self.state)
        return web.Response(text="OK")


@asynccontextmanager
async def healthchecks_stand_in() -> AsyncIterator[HealthchecksStandIn]:
    """Listens on a free port of loopback; `url` is the check's ping URL."""
    stand_in = HealthchecksStandIn()
    app = web.Application()
    app.router.add_route("*", "/{path:.+}", stand_in.hear)
    async with TestServer(app) as server:
        stand_in.url = f"{str(server.make_url('')).rstrip('/')}/{CHECK}"
        yield stand_in
