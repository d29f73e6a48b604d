"""A relay in front of a server that counts what passes: `async with relay(server.port) as way: way.questions`.

A question is all that a client sends before the next answer comes, so that of a pipeline the whole is one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


@dataclass
class Relay:
    port: int = 0
    connections: int = 0
    questions: int = 0
    asking: bool = False  # the client spoke last

    def forget(self) -> None:
        """From here on it counts anew."""
        self.connections = self.questions = 0


@asynccontextmanager
async def relay(to: int) -> AsyncIterator[Relay]:
    seen = Relay()

    async def serve(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        seen.connections += 1
        server, forth = await asyncio.open_connection("127.0.0.1", to)
        seen.asking = False
        await asyncio.gather(_pass(client, forth, seen, asks=True), _pass(server, back, seen, asks=False))  # fmt: skip

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    seen.port = listening.sockets[0].getsockname()[1]
    try:
        yield seen
    finally:
        listening.close()


async def _pass(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, seen: Relay, *, asks: bool
) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(1 << 20):
            seen.questions += asks and not seen.asking
            seen.asking = asks
            target.write(data)
    target.close()
