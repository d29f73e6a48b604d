"""A small app over HTTP that is asked all the time, and is as slow and as faulty as it is told."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from tests.servers.ports import free_port

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass
class App:
    address: str
    seconds: float = 0.01
    failing: float = 0.0
    megabytes: float = 200.0
    asked: int = 0
    _registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        mine = self._registry
        self._requests = Counter("http_requests", "Requests.", ["status"], registry=mine)
        self._took = Histogram(
            "http_request_duration_seconds", "How long.", buckets=BUCKETS, registry=mine
        )
        self._memory = Gauge("process_resident_memory_bytes", "Memory.", registry=mine)

    async def answer(self, _: web.Request) -> web.Response:
        with self._took.time():
            await asyncio.sleep(random.uniform(0.8, 1.2) * self.seconds)  # noqa: S311 - a load, not a secret
        status = 500 if random.random() < self.failing else 200  # noqa: S311 - a load, not a secret
        self._requests.labels(str(status)).inc()
        self.asked += 1
        return web.Response(status=status)

    async def metrics(self, _: web.Request) -> web.Response:
        self._memory.set(self.megabytes * (1 << 20))
        return web.Response(body=generate_latest(self._registry))


@asynccontextmanager
async def degrading_app() -> AsyncIterator[App]:
    """Serves, and is asked twenty times a second, until the block ends."""
    port = free_port()
    app = App(f"127.0.0.1:{port}")
    served = web.Application()
    served.add_routes([web.get("/", app.answer), web.get("/metrics", app.metrics)])
    runner = web.AppRunner(served)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    users = asyncio.create_task(_users(f"http://{app.address}/"))
    try:
        yield app
    finally:
        users.cancel()
        with suppress(asyncio.CancelledError):
            await users
        await runner.cleanup()


async def _users(url: str) -> None:
    async def one(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.get(url):
                await asyncio.sleep(0.2)

    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as all_:
        for _ in range(4):
            all_.create_task(one(session))
