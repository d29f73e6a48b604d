from __future__ import annotations

import asyncio
from collections import Counter

from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.traffic import visits
from tests.servers.process import until


async def test_customers_look_twice_and_buy_once() -> None:
    seen: Counter[str] = Counter()

    async def serve(request: web.Request) -> web.Response:
        seen[f"{request.method} {request.path}"] += 1
        return web.Response()

    stop = asyncio.Event()
    async with TestServer(_app(serve)) as server:
        sending = asyncio.create_task(visits(f"http://127.0.0.1:{server.port}", 500, stop))
        await until(lambda: seen.total() >= 30, "thirty requests")
        stop.set()
        await sending
    assert abs(seen["GET /products"] - 2 * seen["POST /checkout"]) <= 2


async def test_a_shop_that_never_answers_does_not_slow_them_down() -> None:
    arrived = []

    async def never(request: web.Request) -> web.Response:
        arrived.append(request.path)
        await asyncio.sleep(60)
        return web.Response()

    stop = asyncio.Event()
    async with TestServer(_app(never)) as server:
        sending = asyncio.create_task(visits(f"http://127.0.0.1:{server.port}", 500, stop))
        await until(lambda: len(arrived) >= 20, "twenty customers wait at once")
        stop.set()
        await sending


def _app(handler: object) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type] # both take a request
    return app
