"""What a hostile server sends so fast that it is there before it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from exporter.probing.http1 import Body, Head, read_body, read_head
from exporter.probing.outcome import Failed, Reason
from exporter.probing.wire import Wire

CHUNKED = Head(200, 1.1, {"transfer-encoding": ["chunked"]})
FINAL = b"HTTP/1.1 200 OK\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def having(said: bytes) -> Wire:
    """A line from which all of that has come, and nothing more will."""
    wire = Wire()
    wire.data_received(said)
    wire.eof_received()
    return wire


async def turns_during(reading: asyncio.Task[None]) -> int:
    """How often others had their turn until it was done."""
    turns = 0
    while not reading.done():
        await asyncio.sleep(0)
        turns += 1
    await reading
    return turns


async def test_chunks_of_one_byte_leave_others_their_turn() -> None:
    body = Body(bytearray())
    wire = having(b"1\r\na\r\n" * 10_000 + b"0\r\n\r\n")
    read = asyncio.create_task(read_body(wire, CHUNKED, "GET", "", body))
    assert await turns_during(read) > 50
    assert (body.length, body.whole) == (10_000, True)


async def test_a_body_that_floods_is_given_up_when_its_time_is_over() -> None:
    wire = having(b"1\r\na\r\n" * 500_000)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await read_body(wire, CHUNKED, "GET", "", Body(bytearray()))
    assert wire.buffer


async def test_a_few_interim_answers_are_waited_through() -> None:
    assert (await read_head(having(INTERIM * 5 + FINAL))).status == 200


async def test_more_interim_answers_than_any_server_has_are_a_failure() -> None:
    wire = having(INTERIM * 10_000 + FINAL)
    with pytest.raises(Failed, match="interim") as raised:
        await read_head(wire)
    assert raised.value.reason is Reason.STATUS
    assert len(wire.buffer) > len(INTERIM) * 9_000
