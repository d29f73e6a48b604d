from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from prunella.correlation import correlated
from prunella.outgoing import aiohttp as for_aiohttp
from prunella.outgoing import httpx as for_httpx

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
Heard = dict[str, str]
Call = Callable[[str, dict[str, str]], Awaitable[Heard]]


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """A service that answers with the headers it was given."""

    async def headers(request: web.Request) -> web.Response:
        return web.json_response({name.lower(): value for name, value in request.headers.items()})

    app = web.Application()
    app.router.add_get("/", headers)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def by_aiohttp(url: str, headers: dict[str, str]) -> Heard:
    async with (
        aiohttp.ClientSession(trace_configs=[for_aiohttp.correlation()]) as session,
        session.get(url, headers=headers) as answer,
    ):
        heard: Heard = await answer.json()
        return heard


async def by_httpx(url: str, headers: dict[str, str]) -> Heard:
    async with httpx.AsyncClient(event_hooks=for_httpx.async_correlation()) as client:
        heard: Heard = (await client.get(url, headers=headers)).json()
        return heard


CALLS = pytest.mark.parametrize("call", [by_aiohttp, by_httpx])


@CALLS
async def test_a_call_carries_the_id_and_the_trace(echo: str, call: Call) -> None:
    with correlated("req-1", PARENT):
        heard = await call(echo, {})
    assert (heard["x-correlation-id"], heard["traceparent"]) == ("req-1", PARENT)


@CALLS
async def test_a_header_that_the_call_sets_itself_is_left_alone(echo: str, call: Call) -> None:
    with correlated("req-1"):
        heard = await call(echo, {"X-Correlation-ID": "by hand"})
    assert heard["x-correlation-id"] == "by hand"


@CALLS
async def test_outside_of_any_work_nothing_is_added(echo: str, call: Call) -> None:
    assert "x-correlation-id" not in await call(echo, {})


def test_a_blocking_client_carries_it_too() -> None:
    heard: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        heard.append(request)
        return httpx.Response(200)

    transport = httpx.MockTransport(answer)
    with (
        httpx.Client(event_hooks=for_httpx.correlation(), transport=transport) as client,
        correlated("req-1"),
    ):
        client.get("http://shop.example/")
    assert heard[0].headers["x-correlation-id"] == "req-1"
