"""The least that can answer a webhook durably, as the receiver's peer: a plain aiohttp server on uvloop that reads the body with msgspec
and keeps its bytes in SQLite (WAL, `synchronous=FULL`, one commit for whoever waits). It decides nothing and opens no incident.

`python -m benchmarks.bare_store PORT FILE` serves POST /alerts.
"""

from __future__ import annotations

import asyncio
import hmac
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor

import msgspec
import uvloop
from aiohttp import web

from benchmarks.deliveries import TOKEN


class Store:
    """Bodies by the batch: whoever comes while one is being written is in the next."""

    def __init__(self, file: str) -> None:
        self._file = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE bodies (id INTEGER PRIMARY KEY, body BLOB NOT NULL)",
        ):
            self._file.execute(statement)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._thread = ThreadPoolExecutor(1)
        self._came = asyncio.Event()

    async def keep(self, body: bytes) -> None:
        """Returns when it is on the disk."""
        written = asyncio.get_running_loop().create_future()
        self._waiting.append((body, written))
        self._came.set()
        await written

    async def write(self) -> None:
        """For ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self._came.wait()
            self._came.clear()
            batch, self._waiting = self._waiting, []
            await loop.run_in_executor(self._thread, self._commit, [body for body, _ in batch])
            for _, written in batch:
                written.set_result(None)

    def _commit(self, bodies: list[bytes]) -> None:
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("INSERT INTO bodies (body) VALUES (?)", ((body,) for body in bodies))
        self._file.execute("COMMIT")


async def _serve(port: int, file: str) -> None:
    store = Store(file)
    expected = f"Bearer {TOKEN}"

    async def alerts(request: web.Request) -> web.Response:
        if not hmac.compare_digest(request.headers.get("Authorization", ""), expected):
            return web.Response(status=401)
        body = await request.read()
        count = len(msgspec.json.decode(body)["alerts"])
        await store.keep(body)
        return web.json_response({"accepted": count}, status=202)

    app = web.Application(client_max_size=64 << 20)
    app.router.add_post("/alerts", alerts)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await store.write()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2]))
