"""A load on one route: keep-alive connections that post as fast as they are answered, or at a given pace.

A bare protocol, because the client shares two cores with the server and must not be what is measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from statistics import quantiles
from typing import cast

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Result:
    """Answers per second and their times in seconds; `refused` are those that were not 2xx."""

    per_second: float
    p50: float
    p99: float
    refused: int

    def __str__(self) -> str:
        return (
            f"{self.per_second:8.0f}/s   p50 {self.p50 * 1000:6.1f} ms   p99 {self.p99 * 1000:6.1f} ms"
            f"   not 2xx {self.refused}"
        )


@dataclass(slots=True)
class Times:
    """What was measured so far."""

    began: float = field(default_factory=time.perf_counter)
    took: list[float] = field(default_factory=list)
    refused: int = 0

    def result(self) -> Result:
        """The whole of it."""
        cuts = quantiles(self.took, n=100) if len(self.took) > 1 else [*self.took, 0.0] * 50
        seconds = time.perf_counter() - self.began
        return Result(len(self.took) / seconds, cuts[49], cuts[98], self.refused)


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bool] | None = None
        self._read = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionResetError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, split, rest = bytes(self._read).partition(b"\r\n\r\n")
        if not split or len(rest) < _length(head) or self._answer is None:
            return
        self._read.clear()
        self._answer.set_result(head.startswith(b"HTTP/1.1 2"))

    async def ask(self, request: bytes) -> bool:
        """Sends it and waits for the answer; whether that was a 2xx."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Done."""
        if self._transport is not None:
            self._transport.close()


async def connect(port: int) -> Connection:
    """One to the server."""
    _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, port)
    return connection


@dataclass(frozen=True, slots=True)
class Pace:
    """How many connections for how long; `rate` requests a second altogether, or as many as are answered."""

    connections: int = 16
    seconds: float = 5.0
    rate: float | None = None


async def load(port: int, request: Callable[[int], bytes], pace: Pace) -> Result:
    """Posts `request(n)` for n = 0, 1, …"""
    times, numbers = Times(), iter(range(10**9))
    end = times.began + pace.seconds
    await asyncio.gather(
        *(_client(port, request, numbers, times, (end, pace)) for _ in range(pace.connections))
    )
    return times.result()


async def _client(
    port: int,
    request: Callable[[int], bytes],
    numbers: Iterator[int],
    times: Times,
    until: tuple[float, Pace],
) -> None:
    end, pace = until
    connection = await connect(port)
    while time.perf_counter() < end:
        number = next(numbers)
        if pace.rate is not None:
            await asyncio.sleep(max(0.0, times.began + number / pace.rate - time.perf_counter()))
        asked = time.perf_counter()
        taken = await connection.ask(request(number))
        times.refused += not taken
        times.took.append(time.perf_counter() - asked)
    connection.close()


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
