"""How long others wait for a Redis out of which 100,000 keys are flushed: by `flush_cache`, and by KEYS and DEL."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import redis.asyncio

from benchmarks.loop import run
from benchmarks.report import at_most, say
from benchmarks.server import free_port
from prunella.service.clock import SystemClock
from receiver.actions.base import Effect
from receiver.actions.flush_cache import FlushCache
from receiver.outside.http import HttpClient
from receiver.outside.programs import SystemPrograms
from receiver.targets import Target
from receiver.tools import Tools

KEYS = 100_000
ROUNDS = 5
WINDOW = 2.0  # seconds of each measurement, at least
Work = Callable[[], Awaitable[object]]


@dataclass
class Seen:
    """What the client beside it waited, in microseconds, over all rounds; and how long the work took."""

    waited: list[float] = field(default_factory=list)
    took: list[float] = field(default_factory=list)

    def at(self, quantile: float) -> float:
        """One of them in order."""
        return sorted(self.waited)[int(quantile * (len(self.waited) - 1))]


def main() -> None:
    """Prints the table."""
    say(f"flush: {KEYS:,} of {2 * KEYS:,} keys, a client beside it asks once a millisecond")
    idle, ours, naive = run(_all())
    at_most("flush_cache: p99 of the client beside it", ours.at(0.99) / idle.at(0.99), 2, "x")
    for name, seen in (("idle", idle), ("flush_cache", ours), ("KEYS and DEL", naive)):
        figures = ", ".join(f"p{100 * q:g} {seen.at(q):,.0f}" for q in (0.5, 0.99, 0.999))
        took = f"; took {min(seen.took):.2f} to {max(seen.took):.2f} s" if seen is not idle else ""
        say(f"  {name:14} {figures}, at most {seen.at(1):,.0f} us{took}")


async def _all() -> tuple[Seen, Seen, Seen]:
    idle, ours, naive = Seen(), Seen(), Seen()
    async with _server() as (port, client), aiohttp.ClientSession() as session:
        tools = Tools(SystemClock(), HttpClient(session), SystemPrograms())
        for _ in range(ROUNDS):
            await _fill(client)
            await _measured(port, idle, lambda: asyncio.sleep(0))
            await _measured(port, ours, lambda: _flush(port, tools))
            await _fill(client)
            await _measured(port, naive, lambda: _keys_and_del(client))
    return idle, ours, naive


@asynccontextmanager
async def _server() -> AsyncIterator[tuple[int, redis.asyncio.Redis]]:
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        argv = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir"]
        options = [folder, "--enable-debug-command", "yes"]
        quiet = subprocess.DEVNULL
        server = await asyncio.create_subprocess_exec(*argv, *options, stdout=quiet)
        client = redis.asyncio.Redis(port=port, socket_timeout=60)  # KEYS takes its time
        try:
            await _wait(client)
            yield port, client
        finally:
            await client.aclose()
            server.kill()
            await server.wait()


async def _wait(client: redis.asyncio.Redis) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            await client.ping()
        except redis.ConnectionError:
            await asyncio.sleep(0.02)
        else:
            return
    raise TimeoutError("redis-server does not get ready")


async def _fill(client: redis.asyncio.Redis) -> None:
    await client.set("beside", "v")
    for prefix in ("cache", "other"):
        await client.execute_command("DEBUG", "POPULATE", KEYS, prefix, 100)  # type: ignore[no-untyped-call] # redis-py leaves it untyped


async def _measured(port: int, seen: Seen, work: Work) -> None:
    """What the client beside it waits, from a moment before the work until it has ended."""
    argv = [sys.executable, "-m", "benchmarks.redis_beside", str(port)]
    beside = await asyncio.create_subprocess_exec(
        *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 24
    )
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await work()
    seen.took.append(time.monotonic() - began)
    await asyncio.sleep(max(0.0, WINDOW - seen.took[-1]))
    out, _ = await beside.communicate(b"")
    seen.waited += map(float, out.split())


async def _flush(port: int, tools: Tools) -> None:
    facet = {"url": f"redis://127.0.0.1:{port}/0", "cache_patterns": ["cache:*"]}
    target = Target.model_validate({"name": "cache", "redis": facet})
    effect = Effect("a-1", "e-1", "flush", "flush_cache", target, fence=1, timeout=60.0)
    done = await FlushCache().run(effect, tools)
    assert done.counts == {"scanned": KEYS, "deleted": KEYS}, done


async def _keys_and_del(client: redis.asyncio.Redis) -> None:
    """What is written in most answers to the question how to do it."""
    keys: Sequence[bytes | str] = await client.keys("cache:*")
    assert await client.delete(*keys) == KEYS


if __name__ == "__main__":
    main()
