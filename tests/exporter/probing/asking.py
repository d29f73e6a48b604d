"""Servers that say what a test wants, and orders to probe them."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer

from exporter.probing.allowed import Gate
from exporter.probing.http import Order

ANYWHERE = Gate(local=True, open=True)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def asking(url: object, **more: object) -> Order:
    wanted: dict[str, object] = {"gate": ANYWHERE, "timeout": 5.0, **more}
    return Order(url=str(url), **wanted)  # type: ignore[arg-type]  # a builder: the test names fields


@asynccontextmanager
async def pages(
    handler: Handler, context: ssl.SSLContext | None = None
) -> AsyncIterator[BaseTestServer]:
    """One handler for every path and method."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    server = TestServer(app, scheme="https" if context else "http")
    await server.start_server(ssl=context)
    try:
        yield server
    finally:
        await server.close()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    talk: Talk, *, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """A server by its address; at the end its connections are broken off and its talks waited for, so that nothing is left to the loop."""
    talks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        here = asyncio.current_task()
        assert here is not None
        talks[here] = writer
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, host, 0, ssl=context)
    try:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in talks.values():
            writer.transport.abort()
        await asyncio.gather(*talks, return_exceptions=True)
        await server.wait_closed()


@asynccontextmanager
async def saying(*raw: bytes, hang: bool = False) -> AsyncIterator[str]:
    """A server that says the same to whoever connects, HTTP or not, piece by piece; then it closes, or hangs."""

    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in raw:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.002)
        if hang:
            await writer.wait_closed()

    async with listening(talk) as address:
        yield address


def answer(body: bytes = b"fine", *headers: str, status: str = "200 OK") -> bytes:
    """An answer as bytes, with its length."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body
