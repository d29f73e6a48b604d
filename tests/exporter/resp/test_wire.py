from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exporter.kept import Kept, NoAnswerError
from exporter.resp.link import kept
from exporter.resp.replies import Reply
from exporter.resp.wire import Wire


@asynccontextmanager
async def answering(*pieces: bytes, greeting: bytes = b"+OK\r\n") -> AsyncIterator[Kept[Wire]]:
    """A server that answers our name, and then in these pieces, one a turn of the loop."""

    served = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(greeting)
        await reader.read(1000)
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.01)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        served.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    link = kept(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    try:
        yield link
    finally:
        await link.close()
        await served.wait()
        server.close()
        await server.wait_closed()


async def two(wire: Wire) -> list[Reply]:
    return await wire.all(("PING",), ("PING",))


def soon() -> float:
    return asyncio.get_running_loop().time() + 5


async def test_replies_in_pieces_are_one_answer() -> None:
    async with answering(b"+ON", b"E\r\n$2", b"\r\nab\r\n") as link:
        assert await link.ask(two, soon()) == [b"ONE", b"ab"]


@pytest.mark.parametrize(
    ("piece", "said"),
    [(b"HTTP/1.1 400 Bad\r\n", "does not speak"), (b"+ONE\r\n", "closed the connection")],
)
async def test_another_kind_of_server_is_no_answer(piece: bytes, said: str) -> None:
    async with answering(piece) as link:
        with pytest.raises(NoAnswerError, match=said):
            await link.ask(two, soon())


async def test_a_server_that_does_not_know_names_is_asked_all_the_same() -> None:
    async with answering(b"+ONE\r\n+TWO\r\n", greeting=b"-ERR unknown command\r\n") as link:
        assert await link.ask(two, soon()) == [b"ONE", b"TWO"]
