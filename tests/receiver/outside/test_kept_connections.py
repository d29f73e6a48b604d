"""Letters go out over connections that are used again, and everything else over one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from receiver.outside.http import KEEP, open_http
from receiver.stages.sender import Sender
from receiver.tools import OutsideError
from tests.receiver.rig import firing, rig


@dataclass
class Server:
    """Counts connections by where they come from; hangs up when told to."""

    url: str = ""
    took: list[tuple[Any, str]] = field(default_factory=list)
    hangs_up: bool = False

    async def answer(self, request: web.Request) -> web.Response:
        assert request.transport is not None
        if self.hangs_up:
            request.transport.close()
            return web.Response()
        self.took.append((request.transport.get_extra_info("peername"), await request.text()))
        return web.json_response({})

    @property
    def connections(self) -> int:
        return len({peer for peer, _ in self.took})


@asynccontextmanager
async def served(idle: float = 60.0) -> AsyncIterator[Server]:
    """`idle` seconds after which the server closes what nobody uses."""
    made, app = Server(), web.Application()
    app.router.add_post("/hook", made.answer)
    async with TestServer(app, keepalive_timeout=idle) as server:
        made.url = str(server.make_url("/hook"))
        yield made


async def test_connections_are_used_again_only_where_that_is_asked_for() -> None:
    async with served() as server:
        for keep, connections in ((0.0, 3), (KEEP, 1)):
            server.took.clear()
            async with open_http(keep) as http:
                for _ in range(3):
                    await http.request("POST", server.url, timeout=5, body=b"{}")
            assert server.connections == connections


async def test_one_that_was_idle_for_long_is_not_used_again() -> None:
    async with served() as server, open_http(0.05) as http:
        for _ in range(3):
            await http.request("POST", server.url, timeout=5, body=b"{}")
            await asyncio.sleep(0.1)
        assert server.connections == 3


async def test_one_that_the_server_closes_in_between_costs_nothing() -> None:
    async with served(idle=0.02) as server, open_http(KEEP) as http:
        for _ in range(5):
            await http.request("POST", server.url, timeout=5, body=b"{}")
            await asyncio.sleep(0.08)
        assert len(server.took) == 5


async def test_a_server_that_hangs_up_may_have_taken_it() -> None:
    async with served() as server, open_http(KEEP) as http:
        await http.request("POST", server.url, timeout=5, body=b"{}")
        server.hangs_up = True
        with pytest.raises(OutsideError) as refused:
            await http.request("POST", server.url, timeout=5, body=b"{}")
        assert refused.value.sent


async def test_letters_that_a_server_hangs_up_on_are_all_taken_later_each_once() -> None:
    async with served() as server, open_http() as http, open_http(KEEP) as post:
        channels = {"ops": {"kind": "webhook", "url": server.url, "digest_above": None}}
        async with rig(channels=channels, mode="shadow") as made:
            tools = replace(made.context.tools, http=http)
            sender = Sender(replace(made.context, tools=tools, post=post), "ops")
            await made.deliver(firing("a"), firing("b"), firing("c"))
            await made.settle()
            server.hangs_up = True
            await sender.deliver_due()
            server.hangs_up = False
            made.clock.at += 60
            while await sender.deliver_due():
                pass
            told = [body for _, body in server.took]
            assert len(told) == len(set(told)) == 6  # opened and escalated
            assert server.connections == 1
