"""A load on one route: keep-alive connections that post as fast as they are answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import quantiles


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


async def load(
    port: int, request: Callable[[int], bytes], *, connections: int, seconds: float
) -> Result:
    """Posts `request(n)` for n = 0, 1, … for so long."""
    times: list[float] = []
    refused = 0
    numbers = iter(range(10**9))
    end = time.perf_counter() + seconds

    async def client() -> None:
        nonlocal refused
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < end:
            began = time.perf_counter()
            writer.write(request(next(numbers)))
            refused += not await _answered(reader)
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    took = time.perf_counter() - began
    cuts = quantiles(times, n=100)
    return Result(len(times) / took, cuts[49], cuts[98], refused)


async def _answered(reader: asyncio.StreamReader) -> bool:
    """Reads one answer; whether it was a 2xx."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
    return head.startswith(b"HTTP/1.1 2")


def post(path: str, body: bytes) -> bytes:
    """A POST of JSON as bytes on the wire."""
    head = f"POST {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
