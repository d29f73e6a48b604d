"""The same apps without a socket: requests handed to them in one thread, so that nothing but them is measured.

On a machine that others use a difference of a few microseconds drowns in what the kernel and the client do at the same
time; here it can be seen.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from benchmarks.middleware_apps import APPS

ROUNDS, REQUESTS = 40, 500
_ID = "0123456789abcdef"
_HEADERS = [(b"host", b"x"), (b"user-agent", b"wrk"), (b"accept", b"*/*"), (b"x-correlation-id", _ID.encode())]  # fmt: skip


def measured() -> dict[str, float]:
    """Microseconds of CPU for a request, by app: the best of alternating rounds."""
    return asyncio.run(_measured())


async def _measured() -> dict[str, float]:
    apps = {name: make() for name, make in APPS.items()}
    best = dict.fromkeys(apps, float("inf"))
    for _ in range(ROUNDS):
        for name, app in apps.items():
            run = _aiohttp if isinstance(app, web.Application) else _asgi
            best[name] = min(best[name], await run(app))
    return best


async def _asgi(app: Any) -> float:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        """To nobody."""

    began = time.thread_time()
    for _ in range(REQUESTS):
        await app(_scope(), receive, send)
    return (time.thread_time() - began) / REQUESTS * 1e6


async def _aiohttp(app: web.Application) -> float:
    app.freeze()
    headers = {"X-Correlation-ID": _ID, "Accept": "*/*"}
    requests = [make_mocked_request("GET", "/orders/7", headers=headers) for _ in range(REQUESTS)]
    handle = app._handle  # noqa: SLF001 - what aiohttp's server calls
    began = time.thread_time()
    for request in requests:
        await handle(request)
    return (time.thread_time() - began) / REQUESTS * 1e6


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
