"""The same apps without a socket, with a clock at both edges of the middleware: what passes between them is its own.

To take the time of a request without it from the time of one with it would be to subtract two large numbers: an app of
FastAPI differs from one round to the next by more than any middleware costs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from aiohttp.typedefs import Handler, Middleware

from benchmarks.middleware_apps import APPS

ROUNDS, REQUESTS = 20, 100
_ID = "0123456789abcdef"
_HEADERS = [
    (b"host", b"x"),
    (b"user-agent", b"wrk"),
    (b"accept", b"*/*"),
    (b"x-correlation-id", _ID.encode()),
]


class Clock:
    """Runs while a request is inside of the middleware and outside of the app."""

    def __init__(self) -> None:
        self._each: list[float] = []
        self._spent = self._began = 0.0

    def go(self) -> None:
        """Into the middleware."""
        self._began = perf_counter()

    def stop(self) -> None:
        """Out of it, on either side."""
        self._spent += perf_counter() - self._began

    def note(self) -> None:
        """The request is over."""
        self._each.append(self._spent * 1e6)
        self._spent = 0.0

    @property
    def cheap(self) -> float:
        """Microseconds of a request, at the tenth percentile: others on the machine disturb in one direction only."""
        return sorted(self._each)[len(self._each) // 10]


class Edge:
    """In ASGI: a request crosses it inward and comes back outward; what the app sends goes the other way."""

    def __init__(self, app: Any, inward: Callable[[], None], outward: Callable[[], None]) -> None:
        self._app, self._inward, self._outward = app, inward, outward

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            self._outward()
            await send(message)
            self._inward()

        self._inward()
        await self._app(scope, receive, sent)
        self._outward()


def edge(inward: Callable[[], None], outward: Callable[[], None]) -> Middleware:
    """The same in aiohttp."""

    @web.middleware
    async def crossed(request: web.Request, handler: Handler) -> web.StreamResponse:
        inward()
        response = await handler(request)
        outward()
        return response

    return crossed


def measured() -> dict[str, float]:
    """Microseconds that a request spends in each middleware, the clocks' own included; in turns."""
    return asyncio.run(_measured())


async def _measured() -> dict[str, float]:
    clocks = {name: Clock() for name in APPS}
    runs = [_run(name, clock) for name, clock in clocks.items()]
    for _ in range(ROUNDS):
        for run in runs:
            await run()
    return {name: clock.cheap for name, clock in clocks.items()}


def _run(name: str, clock: Clock) -> Callable[[], Any]:
    make, layer = APPS[name]
    app = make()
    if isinstance(app, web.Application):  # the first is the outermost
        app.middlewares.append(edge(clock.go, clock.stop))
        layer(app)
        app.middlewares.append(edge(clock.stop, clock.go))
        app.freeze()
        return lambda: _aiohttp(app, clock)
    app.add_middleware(Edge, clock.stop, clock.go)  # the last is the outermost
    layer(app)
    app.add_middleware(Edge, clock.go, clock.stop)
    return lambda: _asgi(app, clock)


async def _asgi(app: Any, clock: Clock) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        """To nobody."""

    for _ in range(REQUESTS):
        await app(_scope(), receive, send)
        clock.note()


async def _aiohttp(app: web.Application, clock: Clock) -> None:
    headers = {"X-Correlation-ID": _ID, "Accept": "*/*"}
    requests = [make_mocked_request("GET", "/orders/7", headers=headers) for _ in range(REQUESTS)]
    for request in requests:
        await app._handle(request)  # noqa: SLF001 - what aiohttp's server calls
        clock.note()


def _scope() -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/orders/7",
        "raw_path": b"/orders/7",
        "query_string": b"",
        "root_path": "",
        "headers": _HEADERS,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "state": {},
    }
