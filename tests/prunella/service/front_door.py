"""A small service on a real port, and a client that can be as slow or as rude as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from aiohttp import web

from prunella.service.answers import Refused
from prunella.service.application import CLIENT
from prunella.service.auth import Auth, Scope, Token
from prunella.service.deadlines import Deadlines
from prunella.service.responses import read_json
from prunella.service.route import Route
from prunella.service.settings import ListenAddress
from prunella.service.web import Service

FREE_PORT = ListenAddress("127.0.0.1", 0)
PATIENCE = 5.0
BEARER = "Authorization: Bearer s3cret\r\n"


@dataclass(slots=True)
class Handlers:
    """What the routes do; `hanging` and `release` are for requests that are still under way."""

    hanging: asyncio.Event
    release: asyncio.Event
    cancelled: asyncio.Event

    async def echo(self, request: web.Request) -> web.Response:
        return web.json_response({"got": await read_json(request), "client": request[CLIENT]})

    async def hang(self, _: web.Request) -> web.Response:
        self.hanging.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return web.json_response({"hung": True})

    async def fail(self, _: web.Request) -> web.Response:
        raise KeyError("CANARY")

    async def refuse(self, _: web.Request) -> web.Response:
        raise Refused(503, "store_unavailable", "cannot store", {"Retry-After": "5"})

    async def flood(self, _: web.Request) -> web.Response:
        return web.Response(body=b"x" * 50_000_000)


def handlers() -> Handlers:
    return Handlers(asyncio.Event(), asyncio.Event(), asyncio.Event())


def service(does: Handlers | None = None, **changes: object) -> Service:
    """One with a route for everything, closed by one token; `changes` are fields of Service."""
    does = does or handlers()
    usual = Service(
        listen=FREE_PORT,
        auth=Auth({Scope.OPERATE: [Token.model_validate({"name": "ops", "token": "s3cret"})]}),
        routes=(
            Route("POST", "/echo", Scope.OPERATE, does.echo),
            Route("POST", "/read", Scope.READ, does.echo),
            Route("GET", "/hang", Scope.OPEN, does.hang),
            Route("GET", "/fail/{id}", Scope.OPEN, does.fail),
            Route("GET", "/refuse", Scope.OPEN, does.refuse),
            Route("GET", "/flood", Scope.OPEN, does.flood),
        ),
        grace=1.0,
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # a builder: any field of Service


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        value = json.loads(self.body)
        assert isinstance(value, dict)
        return value


class Connection:
    """One connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, text: str | bytes) -> None:
        self._writer.write(text if isinstance(text, bytes) else text.encode())
        await self._writer.drain()

    async def answer(self) -> Answer:
        head = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE)
        first, *lines = head.decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        size = int(headers.get("content-length", "0"))
        body = await asyncio.wait_for(self._reader.readexactly(size), PATIENCE)
        return Answer(int(first.split()[1]), headers, body)

    async def status_line(self) -> str:
        line = await asyncio.wait_for(self._reader.readuntil(b"\r\n"), PATIENCE)
        return line.decode().strip()

    async def rest(self) -> bytes:
        return await asyncio.wait_for(self._reader.read(), PATIENCE)

    async def seconds_until_closed(self) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        with suppress(ConnectionError):
            await asyncio.wait_for(self._reader.read(), PATIENCE)
        return loop.time() - began

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._writer.transport.abort()


class Client:
    """Opens connections to one address."""

    def __init__(self, address: ListenAddress) -> None:
        self.address = address

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        opened = await asyncio.open_connection(self.address.host, self.address.port)
        async with Connection(*opened) as connection:
            yield connection

    async def get(self, path: str, headers: str = "", method: str = "GET") -> Answer:
        async with self.connection() as connection:
            await connection.send(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n")
            return await connection.answer()

    async def post(
        self, path: str, body: bytes, headers: str = BEARER + "Content-Type: application/json\r\n"
    ) -> Answer:
        async with self.connection() as connection:
            head = (
                f"POST {path} HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
            )
            await connection.send(head.encode() + body)
            return await connection.answer()


@asynccontextmanager
async def client_of(served: Service) -> AsyncIterator[Client]:
    async with served.serving() as address:
        yield Client(address)


async def until(condition: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Waits for the condition, and fails when it does not come."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for is a counter, which wakes nobody
            await asyncio.sleep(0.01)


SHORT = Deadlines(header=0.3, body=0.3, body_rate=64 * 1024, idle=0.3, write=0.3)
