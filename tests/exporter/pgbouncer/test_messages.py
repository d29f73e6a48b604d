from __future__ import annotations

import asyncio
import struct

import pytest

from exporter.pgbouncer.messages import (
    ConsoleError,
    Message,
    cells,
    columns,
    message,
    query,
    read,
    refusal,
    row,
)


def of(*values: bytes | None) -> bytes:
    sized = [struct.pack("!i", -1) if v is None else struct.pack("!i", len(v)) + v for v in values]
    return struct.pack("!h", len(values)) + b"".join(sized)


async def test_a_message_is_read_as_it_is_written() -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(message(b"Z", b"I") + query("SHOW POOLS"))
    assert await read(stream) == Message(b"Z", b"I")
    assert await read(stream) == Message(b"Q", b"SHOW POOLS\0")


@pytest.mark.parametrize("head", [b"HTTP/", b"Z\0\0\0\3", b"Z\x7f\xff\xff\xff"])
async def test_what_is_no_message_is_said_so(head: bytes) -> None:
    stream = asyncio.StreamReader()
    stream.feed_data(head + b"1.1 400 Bad Request")
    with pytest.raises(ConsoleError, match="does not speak"):
        await read(stream)


def test_a_row_is_read_by_its_columns() -> None:
    described = struct.pack("!h", 2) + b"database\0" + bytes(18) + b"maxwait\0" + bytes(18)
    assert columns(described) == ["database", "maxwait"]
    assert row(columns(described), of(b"shop", None)) == {"database": "shop", "maxwait": None}
    assert cells(of(b"", b"\xff")) == ["", "\ufffd"]


def test_a_refusal_has_the_servers_words() -> None:
    said = b"SFATAL\0C08P01\0Mno such user\0\0"
    assert str(refusal(said)) == "no such user"
    assert str(refusal(b"\0")) == "refused without a reason"
