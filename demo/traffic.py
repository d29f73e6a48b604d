"""Customers: a few requests a second, at a steady pace however slow the shop answers, so that rates exist."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import signal
from collections.abc import Sequence

import aiohttp

PATIENCE = 30.0
AT_ONCE = 200
VISIT = (("GET", "/products"), ("GET", "/products"), ("POST", "/checkout"))


async def visits(url: str, per_second: float, stop: asyncio.Event) -> None:
    """Sends until told to stop; a request that gets no answer is a customer gone, and nothing more."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as customers:
        waiting: set[asyncio.Task[None]] = set()
        for method, path in itertools.cycle(VISIT):
            if len(waiting) < AT_ONCE:
                task = customers.create_task(_request(session, method, f"{url}{path}"))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 1 / per_second)
            if stop.is_set():
                break
        for task in waiting:
            task.cancel()


async def _request(session: aiohttp.ClientSession, method: str, url: str) -> None:
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with session.request(method, url) as response:
            await response.read()


async def _run(url: str, per_second: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await visits(url, per_second, stop)


def main(argv: Sequence[str] | None = None) -> None:
    """Until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m demo.traffic", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:9652")
    parser.add_argument("--per-second", type=float, default=6.0)
    options = parser.parse_args(argv)
    asyncio.run(_run(options.url, options.per_second))


if __name__ == "__main__":
    main()
