"""One huge delivery, and what everybody else waits for meanwhile."""

from __future__ import annotations

import asyncio
import time

from benchmarks.deliveries import distinct, get
from benchmarks.load import Pace, Result, connect, load
from benchmarks.loop import run
from benchmarks.report import at_most, say
from benchmarks.server import receiver

GOALS = {10_000: 2.0, 50_000: 10.0}  # alerts in one POST, seconds


def main() -> None:
    """Prints the table."""
    for alerts, goal in GOALS.items():
        say(
            f"large: one POST of {alerts:,} alerts, 50 small requests a second of each kind beside it"
        )
        with receiver() as one:
            took, healthy, small = run(_beside(one.port, alerts, goal))
            at_most("the answer", took, goal, "s")
            at_most("/-/healthy meanwhile, p99", healthy.p99 * 1000, 250, "ms")
            at_most("webhooks of one alert meanwhile, p99", small.p99 * 1000, 250, "ms")
            at_most("in memory afterwards", one.rss, 400, "MB")


async def _beside(port: int, alerts: int, goal: float) -> tuple[float, Result, Result]:
    request = distinct("/alerts", alerts)(10**9)
    pace = Pace(connections=4, seconds=goal, rate=50)
    healthy = asyncio.create_task(load(port, lambda _: get("/-/healthy"), pace))
    small = asyncio.create_task(load(port, distinct("/alerts", 1), pace))
    await asyncio.sleep(0.5)
    connection, began = await connect(port), time.perf_counter()
    assert await connection.ask(request), "it was refused"
    took = time.perf_counter() - began
    return took, await healthy, await small


if __name__ == "__main__":
    main()
