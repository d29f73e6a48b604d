"""A storm: 100,000 distinct alerts within a minute. People must not drown, memory must not grow, nothing may be done."""

from __future__ import annotations

import asyncio
import time

from benchmarks.deliveries import distinct
from benchmarks.load import Pace, Result, load
from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from benchmarks.server import Receiver, Sink, receiver, sink

ALERTS, IN_ONE, SECONDS = 100_000, 50, 60.0
PLAYBOOK = {
    "name": "restart",
    "matchers": ['service="shop"'],
    "mode": "auto",
    "group_by": ["alertname"],
    "ladder": [{"action": "run", "argv": ["/bin/true"]}],
}


def main() -> None:
    """Prints the table."""
    say(f"storm: {ALERTS:,} distinct alerts in {SECONDS:g} s, each with a name of its own")
    with sink() as told, receiver(**_config(told)) as one:
        result, peak = run(_blow(one))
        posts = round(result.per_second * SECONDS)
        at_least("alerts acknowledged", posts * IN_ONE, ALERTS * 0.99, "")
        at_most("webhooks refused", result.refused, 0, "")
        at_most("p99 of the answer", result.p99 * 1000, 1000, "ms")
        at_most("in memory at the highest", peak, 400, "MB")
        at_most("on disk for one alert", one.disk / (posts * IN_ONE), 2048, "bytes")
        _what_prometheus_sees(one)
        say("  waiting for the last digest …")
        time.sleep(62)
        at_most("messages", told.count(), 20, "")
        at_most("pages", told.count("frozen"), 1, "")
        at_most("actions", told.count("acted"), 0, "")
        at_most("serving again after kill -9", one.kill_and_start(), 3, "s")


def _config(told: Sink) -> dict[str, object]:
    return {
        "mode": "auto",
        "targets": {"shop": {"matchers": ['service="shop"']}},
        "playbooks": [PLAYBOOK],
        "channels": {"ops": {"kind": "webhook", "url": told.url}},
    }


def _what_prometheus_sees(one: Receiver) -> None:
    began = time.perf_counter()
    text = one.read("/metrics")
    at_most("/metrics", (time.perf_counter() - began) * 1000, 100, "ms")
    series = sum(1 for line in text.splitlines() if line and not line.startswith("#"))
    at_most("series", series, 3000, "")


async def _blow(one: Receiver) -> tuple[Result, float]:
    pace = Pace(connections=8, seconds=SECONDS, rate=ALERTS / IN_ONE / SECONDS)
    blows = asyncio.create_task(load(one.port, distinct("/alerts", IN_ONE), pace))
    peak, said = 0.0, time.monotonic()
    while not blows.done():
        await asyncio.sleep(0.5)
        peak = max(peak, one.rss)
        if time.monotonic() - said > 15:
            said = time.monotonic()
            say(f"  … {one.rss:.0f} MB in memory, {one.disk / 1e6:.0f} MB on disk")
    return await blows, peak


if __name__ == "__main__":
    main()
