"""Webhooks acknowledged durably, beside two that do less: the route of the same server that takes the same body and stores nothing, and a
server that only keeps the bytes (`bare_store.py`). Alerts are new, each an incident of its own, which is the worst there is; and known, which is
what an Alertmanager sends most of the time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.deliveries import distinct, known
from benchmarks.load import Pace, Result, connect, load
from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from benchmarks.server import READY, free_port, receiver

GOALS = {1: 2500.0, 10: 1000.0}  # alerts in a webhook, webhooks a second
# The same goals as shares of what a server does that only keeps the bytes:
# where they were set, such a one took 7,650 and 5,580 a second.
SHARES = {1: 0.33, 10: 0.18}
KNOWN = 500  # deliveries that come again and again, as often as there are connections times thirty
Deliveries = Callable[[int], bytes]


def main() -> None:
    """Prints the table."""
    say("webhooks: 16 connections, fsync and auth on")
    for alerts, goal in GOALS.items():
        new, again = distinct("/alerts", alerts), known("/alerts", alerts, KNOWN)
        with _bare() as port:
            bare = _measure(port, new)
        with receiver() as one:
            nothing = _measure(one.port, distinct("/watchdog", alerts))
        with receiver() as one:
            durable = _measure(one.port, new)
        with receiver() as one:
            _measure(one.port, again, seconds=2.0)
            repeated = _measure(one.port, again)
        say(f"  {alerts:2} alerts, only bytes kept {bare}")
        say(f"  {alerts:2} alerts, stores nothing  {nothing}")
        say(f"  {alerts:2} alerts, new             {durable}")
        say(f"  {alerts:2} alerts, known           {repeated}")
        say(f"  {alerts:2} alerts, new to nothing  {durable.per_second / nothing.per_second:8.2f}")
        share = durable.per_second / bare.per_second
        at_least(f"webhooks of {alerts}, new, to only bytes", share, SHARES[alerts], "x")
        at_least(f"webhooks of {alerts}, new", durable.per_second, goal, "/s")
        at_least(f"webhooks of {alerts}, known", repeated.per_second, goal, "/s")
        with receiver() as one:
            half = _measure(one.port, new, rate=durable.per_second / 2)
        at_most(f"p99 at half that load, of {alerts}", half.p99 * 1000, 100, "ms")


def _measure(
    port: int, deliveries: Deliveries, *, rate: float | None = None, seconds: float = 5.0
) -> Result:
    return run(load(port, deliveries, Pace(rate=rate, seconds=seconds)))


@contextmanager
def _bare() -> Iterator[int]:
    """The one that only keeps the bytes, on its port."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        argv = [sys.executable, "-m", "benchmarks.bare_store", str(port)]
        process = subprocess.Popen([*argv, str(Path(folder) / "bodies.db")])
        try:
            _wait(port)
            yield port
        finally:
            process.kill()
            process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        with suppress(OSError):
            run(_reachable(port))
            return
        time.sleep(0.01)
    raise TimeoutError("the bare store does not get ready")


async def _reachable(port: int) -> None:
    (await connect(port)).close()


if __name__ == "__main__":
    main()
