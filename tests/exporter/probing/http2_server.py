"""A server that speaks HTTP/2 and answers every call in its own way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded

from tests.exporter.probing.asking import listening

Reply = Callable[[H2Connection, int], None]


@asynccontextmanager
async def answering(reply: Reply, heard: list[dict[str, str]] | None = None) -> AsyncIterator[str]:
    """`reply` is given the line and the number of the stream; the headers of every call go into `heard`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        line.initiate_connection()
        writer.write(line.data_to_send())
        asked = False
        while not asked and (data := await reader.read(65536)):
            for event in line.receive_data(data):
                if isinstance(event, RequestReceived) and heard is not None:
                    heard.append({str(name): str(value) for name, value in event.headers})
                if isinstance(event, StreamEnded):
                    reply(line, event.stream_id)
                    asked = True
            writer.write(line.data_to_send())
        await reader.read()

    async with listening(talk) as address:
        yield address


def said(
    *body: bytes, status: str = "200", kind: str = "application/grpc", trailers: dict[str, str] | None = None
) -> Reply:  # fmt: skip
    """Headers, these pieces of a body, and trailers."""

    def reply(line: H2Connection, stream: int) -> None:
        line.send_headers(stream, [(":status", status), ("content-type", kind)])
        for piece in body:
            line.send_data(stream, piece)
        line.send_headers(stream, [*(trailers or {"grpc-status": "0"}).items()], end_stream=True)

    return reply


def at_once(status: str = "200", **headers: str) -> Reply:
    """Headers alone; underscores stand for hyphens."""

    def reply(line: H2Connection, stream: int) -> None:
        named = [(name.replace("_", "-"), value) for name, value in headers.items()]
        line.send_headers(stream, [(":status", status), *named], end_stream=True)

    return reply


def broken_off(error: int) -> Reply:
    return lambda line, stream: line.reset_stream(stream, error)


def leaving(line: H2Connection, _: int) -> None:
    line.close_connection()
