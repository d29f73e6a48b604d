"""A name server that gives one answer, over UDP and over TCP."""

from __future__ import annotations

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tests.exporter.probing.asking import listening

Sections = Sequence[Sequence[bytes]]
HERE = b"\xc0\x0c"  # the name that was asked for


def record(kind: int, data: bytes, name: bytes = HERE, of: int = 1) -> bytes:
    return name + struct.pack("!2HIH", kind, of, 300, len(data)) + data


def named(name: str) -> bytes:
    return b"".join(bytes([len(one)]) + one.encode() for one in name.split(".")) + b"\0"


def answered(asked: bytes, sections: Sections, rcode: int = 0) -> bytes:
    counts = [len(section) for section in sections]
    head = asked[:2] + struct.pack("!5H", 0x8180 | rcode, 1, *counts)
    return head + asked[12:] + b"".join(one for section in sections for one in section)


class _Answers(asyncio.DatagramProtocol):
    def __init__(self, sections: Sections, rcode: int, before: bytes) -> None:
        self._sections, self._rcode, self._before = sections, rcode, before
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]  # asyncio's own stub is as wide as all transports
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        if self._before:
            self._transport.sendto(self._before, addr)
        self._transport.sendto(answered(data, self._sections, self._rcode), addr)


@asynccontextmanager
async def name_server(
    answer: Sequence[bytes] = (), authority: Sequence[bytes] = (), additional: Sequence[bytes] = (),
    rcode: int = 0, context: ssl.SSLContext | None = None, before: bytes = b"",
) -> AsyncIterator[str]:  # fmt: skip
    """`before` comes first in UDP: what somebody else made up."""
    sections = (answer, authority, additional)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        said = answered(await reader.readexactly(length), sections, rcode)
        writer.write(struct.pack("!H", len(said)) + said)
        await writer.drain()

    async with listening(talk, context=context) as address:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Answers(sections, rcode, before),
            local_addr=("127.0.0.1", int(address.rpartition(":")[2])),
        )
        try:
            yield address
        finally:
            transport.close()
