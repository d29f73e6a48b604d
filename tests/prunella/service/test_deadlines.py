from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from prunella.service.deadlines import Deadlines
from tests.prunella.service.front_door import (
    BEARER,
    SHORT,
    Connection,
    client_of,
    handlers,
    service,
    until,
)
from tests.prunella.service.stand_ins import Counted

pytestmark = pytest.mark.server  # real sockets that are slow on purpose

JSON = "Content-Type: application/json\r\n"
LONG = Deadlines(header=60, body=60, idle=60, write=60)
ECHO = f"POST /echo HTTP/1.1\r\nHost: x\r\n{BEARER}{JSON}"
HEALTHY = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"


async def drip(connection: Connection, text: str, every: float = 0.05) -> None:
    """One byte after the other, until the other side has had enough."""
    for byte in text:
        try:
            await connection.send(byte)
        except ConnectionError:
            return
        await asyncio.sleep(every)


@pytest.mark.parametrize(
    "sent",
    ["", "G", "GET /-/healthy HTTP/1.1\r\nHost: x\r\n", "POST /echo HTTP/1.1\r\nX: " + "x" * 99],
)
async def test_a_header_that_is_never_finished_closes_the_connection(sent: str) -> None:
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "header"})
    async with (
        client_of(service(deadlines=replace(LONG, header=0.3))) as client,
        client.connection() as connection,
    ):
        await connection.send(sent)
        assert 0.2 < await connection.seconds_until_closed() < 2
    assert closed.grown == 1


async def test_a_header_byte_by_byte_gains_no_time() -> None:
    async with (
        client_of(service(deadlines=replace(LONG, header=0.3))) as client,
        client.connection() as connection,
    ):
        dripping = asyncio.create_task(drip(connection, "GET /" + "x" * 1000))
        assert await connection.seconds_until_closed() < 2
        dripping.cancel()


@pytest.mark.parametrize(
    "sent",
    [
        f"{ECHO}Content-Length: 100\r\n\r\n",
        f"{ECHO}Content-Length: 100\r\n\r\n{{",
        f"{ECHO}Content-Length: 60000000\r\n\r\n{{",
        f"{ECHO}Transfer-Encoding: chunked\r\n\r\n5\r\n123",
    ],
)
async def test_a_body_that_is_never_finished_closes_the_connection(sent: str) -> None:
    served = service(deadlines=replace(LONG, body=0.3), max_body=64 * 2**20)
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "body"})
    async with client_of(served) as client, client.connection() as connection:
        await connection.send(sent)
        assert 0.2 < await connection.seconds_until_closed() < 2
    assert closed.grown == 1


async def test_a_body_byte_by_byte_gains_next_to_no_time() -> None:
    async with (
        client_of(service(deadlines=replace(LONG, body=0.3))) as client,
        client.connection() as connection,
    ):
        await connection.send(f"{ECHO}Content-Length: 1000\r\n\r\n")
        dripping = asyncio.create_task(drip(connection, "x" * 1000))
        assert await connection.seconds_until_closed() < 2
        dripping.cancel()


async def test_a_large_body_at_a_fair_rate_may_take_longer() -> None:
    deadlines = replace(LONG, body=0.2, body_rate=1000)
    async with (
        client_of(service(deadlines=deadlines)) as client,
        client.connection() as connection,
    ):
        await connection.send(f'{ECHO}Content-Length: 802\r\n\r\n"')
        for _ in range(8):
            await connection.send("x" * 100)
            await asyncio.sleep(0.05)
        await connection.send('"')
        assert (await connection.answer()).status == 200


async def test_a_slow_body_that_is_not_wanted_is_not_waited_for() -> None:
    async with (
        client_of(service(deadlines=replace(LONG, body=0.3))) as client,
        client.connection() as connection,
    ):
        await connection.send("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nx")
        assert (await connection.answer()).status == 401
        assert await connection.seconds_until_closed() < 2


async def test_an_idle_connection_is_closed() -> None:
    async with (
        client_of(service(deadlines=replace(LONG, idle=0.3))) as client,
        client.connection() as connection,
    ):
        await connection.send(HEALTHY)
        assert (await connection.answer()).status == 200
        assert 0.2 < await connection.seconds_until_closed() < 2


async def test_a_second_header_has_its_own_deadline() -> None:
    async with (
        client_of(service(deadlines=replace(LONG, header=0.3))) as client,
        client.connection() as connection,
    ):
        await connection.send(HEALTHY)
        assert (await connection.answer()).status == 200
        await connection.send("GET /-/healthy HT")
        assert await connection.seconds_until_closed() < 2


async def test_a_connection_may_be_used_many_times() -> None:
    async with client_of(service(deadlines=SHORT)) as client, client.connection() as connection:
        for _ in range(8):
            await connection.send(HEALTHY)
            assert (await connection.answer()).status == 200
            await asyncio.sleep(0.1)


async def test_requests_sent_all_at_once_are_all_answered() -> None:
    async with client_of(service(deadlines=SHORT)) as client, client.connection() as connection:
        await connection.send(HEALTHY * 5)
        assert [(await connection.answer()).status for _ in range(5)] == [200] * 5


async def test_a_handler_may_take_its_time() -> None:
    does = handlers()
    async with client_of(service(does, deadlines=SHORT)) as client:
        asyncio.get_running_loop().call_later(0.8, does.release.set)
        assert (await client.get("/hang")).status == 200


async def test_a_client_that_does_not_take_its_answer_is_closed() -> None:
    closed = Counted("prunella_slow_connections_closed_total", {"waiting_for": "write"})
    served = service(deadlines=replace(LONG, write=0.3))
    async with client_of(served) as client, client.connection() as connection:
        await connection.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: closed.grown == 1)


async def test_a_request_is_fast_while_hundreds_of_connections_hang() -> None:
    async with client_of(service(deadlines=LONG)) as client, AsyncExitStack() as hanging:
        for sent in ["POST /echo HTTP/1.1\r\n", f"{ECHO}Content-Length: 9\r\n\r\n1"] * 150:
            await (await hanging.enter_async_context(client.connection())).send(sent)
        began = asyncio.get_running_loop().time()
        assert (await client.post("/echo", b"1")).status == 200
        assert asyncio.get_running_loop().time() - began < 0.25


async def test_hundreds_of_slow_connections_are_all_closed() -> None:
    async with client_of(service(deadlines=SHORT)) as client, AsyncExitStack() as opened:
        slow = [await opened.enter_async_context(client.connection()) for _ in range(200)]
        for connection in slow:
            await connection.send("POST /echo HTTP/1.1\r\n")
        waited = await asyncio.gather(*(connection.seconds_until_closed() for connection in slow))
    assert max(waited) < 3


async def test_a_connection_that_lives_long_is_still_closed_on_time() -> None:
    # the one timer of a connection has gone off many times before the deadline that counts begins
    deadlines = replace(LONG, header=0.05, idle=0.4)
    async with client_of(service(deadlines=deadlines)) as client, client.connection() as connection:
        for _ in range(4):
            await connection.send(HEALTHY)
            assert (await connection.answer()).status == 200
            await asyncio.sleep(0.12)
        await connection.send("GET /-/healthy HT")
        assert await connection.seconds_until_closed() < 0.3
