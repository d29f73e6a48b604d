"""Telling people: 1,000 incidents on five channels, and what a channel that hangs costs those who deliver alerts."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.deliveries import distinct
from benchmarks.load import Pace, Result, load
from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from benchmarks.server import Receiver, receiver, sink

INCIDENTS, IN_ONE, CHANNELS = 1000, 10, 5
PATIENCE = 120.0
RATE, SECONDS = 100.0, 10.0


def main() -> None:
    """Prints the table."""
    say(f"fan_out: {INCIDENTS:,} incidents, each told to {CHANNELS} channels by itself")
    alone, told = _fan_out(0), _fan_out(CHANNELS)
    cpu = told.cpu - alone.cpu * told.incidents / alone.incidents
    messages = told.incidents * CHANNELS
    at_least("messages told", messages, INCIDENTS * CHANNELS * 0.9, "")
    at_most("CPU of a message, its HTTP included", cpu / messages * 1000, 2, "ms")
    quiet, hung = _answers(hanging=False), _answers(hanging=True)
    say(f"  answers while five channels take it: {quiet}")
    say(f"  answers while five channels hang:    {hung}")
    at_most("p99 of the answer while five channels hang", hung.p99 / quiet.p99, 1.1, "x")


@dataclass(frozen=True, slots=True)
class Told:
    """How many incidents, and the CPU seconds that it took to take them and to tell of them."""

    incidents: int
    cpu: float


def _fan_out(channels: int) -> Told:
    """From the first alert until everybody was told everything."""
    with sink() as heard:
        named = {
            f"c{number}": {"kind": "webhook", "url": heard.url, "digest_above": None}
            for number in range(channels)
        }
        with receiver(channels=named) as one:
            before = _used(one)
            pace = Pace(connections=1, seconds=10.0, rate=INCIDENTS / IN_ONE / 10.0)
            run(load(one.port, distinct("/alerts", IN_ONE), pace))
            time.sleep(0.5)  # the last request is cut off, but not what it brought
            incidents = _opened(one)
            deadline = time.monotonic() + PATIENCE
            while heard.count("opened") < incidents * channels and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(1.0)  # what was taken is still written down
            assert heard.count("opened") == incidents * channels, "not all were told"
            return Told(incidents, _used(one) - before)


def _opened(one: Receiver) -> int:
    lines = one.read("/metrics").splitlines()
    new = [
        line for line in lines if line.startswith("prunella_alerts_total") and 'kind="new"' in line
    ]
    return int(sum(float(line.rpartition(" ")[2]) for line in new))


def _answers(*, hanging: bool) -> Result:
    """Answers to alerts at a steady pace."""
    with _silence() as silent, sink() as heard:
        channel = {"kind": "webhook", "url": silent if hanging else heard.url}
        channels = {f"c{number}": channel for number in range(CHANNELS)}
        with receiver(channels=channels) as one:
            pace = Pace(connections=4, seconds=SECONDS, rate=RATE)
            return run(load(one.port, distinct("/alerts", 1), pace))


def _used(one: Receiver) -> float:
    times = one.system.cpu_times()
    return float(times.user + times.system)


@contextmanager
def _silence() -> Iterator[str]:
    """A service that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"


if __name__ == "__main__":
    main()
