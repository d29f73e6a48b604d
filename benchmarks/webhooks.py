"""Webhooks acknowledged durably, against the route of the same server that takes the same body and stores nothing."""

from __future__ import annotations

from benchmarks.deliveries import distinct
from benchmarks.load import Pace, Result, load
from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from benchmarks.server import Receiver, receiver

GOALS = {1: 2500.0, 10: 1000.0}  # alerts in a webhook, webhooks a second


def main() -> None:
    """Prints the table."""
    say("webhooks: 16 connections, fsync and auth on, every alert new")
    for alerts, goal in GOALS.items():
        with receiver() as one:
            nothing = _measure(one, "/watchdog", alerts)
        with receiver() as one:
            durable = _measure(one, "/alerts", alerts)
        say(f"  {alerts:2} alerts, stores nothing {nothing}")
        say(f"  {alerts:2} alerts, durable 202    {durable}")
        say(f"  {alerts:2} alerts, ratio          {durable.per_second / nothing.per_second:8.2f}")
        at_least(f"webhooks of {alerts}", durable.per_second, goal, "/s")
        with receiver() as one:
            half = _measure(one, "/alerts", alerts, rate=durable.per_second / 2)
        at_most(f"p99 at half that load, of {alerts}", half.p99 * 1000, 100, "ms")


def _measure(one: Receiver, path: str, alerts: int, rate: float | None = None) -> Result:
    return run(load(one.port, distinct(path, alerts), Pace(rate=rate)))


if __name__ == "__main__":
    main()
