"""The kit's metric types and its page beside prometheus_client's, in one process and in turns: CPU of this thread alone."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from types import ModuleType

import prometheus_client
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from prunella import instruments
from prunella.exposition import page, render

ROUNDS = 7
LABELS = "method", "route", "status"
SERIES = 17  # of a histogram with prometheus_client's own buckets
LARGE = 100_000


def main() -> None:
    """Prints the table."""
    observing()
    exposing()
    holding()
    importing()


def observing() -> None:
    """One observation, as often as fits into some milliseconds."""
    theirs, ours = _histogram(prometheus_client), _histogram(instruments)
    their_child, our_child = (made.labels("GET", "/orders", "200") for made in (theirs, ours))
    counted = (
        prometheus_client.Counter("c", "C.", registry=None),
        instruments.Counter("c", "C.", registry=None),
    )
    gc.disable()
    found = _in_turns(
        {
            "theirs": lambda: their_child.observe(0.2),
            "theirs by labels": lambda: theirs.labels("GET", "/orders", "200").observe(0.2),
            "theirs, counted": counted[0].inc,
            "ours": lambda: our_child.observe(0.2),
            "ours by labels": lambda: ours.labels("GET", "/orders", "200").observe(0.2),
            "ours, counted": counted[1].inc,
        },
        times=20_000,
    )
    gc.enable()
    say("metrics: one observation, the call of a lambda included, ns: " + _said(found, 1e9))
    at_least("observe() beside a child that was kept", _ratio(found, "theirs", "ours"), 3, "x")
    at_least("  beside labels().observe()", _ratio(found, "theirs by labels", "ours"), 8, "x")
    at_least(
        "  labels().observe() beside the same",
        _ratio(found, "theirs by labels", "ours by labels"),
        3,
        "x",
    )
    at_least("inc() beside theirs", _ratio(found, "theirs, counted", "ours, counted"), 1, "x")


def exposing() -> None:
    """Pages of ten thousand series: of fractions, and of whole numbers, which are spelled several times as fast."""
    for what in ("histograms", "gauges", "gauges of whole numbers"):
        registry, change = _filled(10_000, what)
        show, theirs = partial(render, registry), partial(generate_latest, registry)
        show()
        found: dict[str, list[float]] = {
            "theirs": [],
            "unchanged": [],
            "a tenth": [],
            "all": [],
        }
        for _ in range(ROUNDS):
            found["theirs"].append(_timed(theirs))
            found["unchanged"].append(_timed(show))
            for part, every in (("a tenth", 10), ("all", 1)):
                change(every)
                found[part].append(_timed(show))
        assert show()[0] == theirs()
        say(f"metrics: a page of 10,000 series of {what}, ms: {_said(found, 1e3)}")
        for part, goal in (("unchanged", 100), ("a tenth", 50), ("all", 20)):
            words = part if part == "unchanged" else f"{part} changed"
            at_least(f"{what}: {words}", _ratio(found, "theirs", part), goal, "x")


def holding() -> None:
    """What another task on the loop waits for while a hundred thousand series are shown."""
    registry, change = _filled(LARGE, "histograms")
    say(f"metrics: the longest that the loop was held by {LARGE:,} series")
    first = run(_held(registry))
    change(1)
    at_most("all of them changed", 1000 * run(_held(registry)), 50, "ms")
    at_most("at the first scrape", 1000 * first, 50, "ms")
    at_most("with gzip", 1000 * run(_held(registry, "gzip")), 50, "ms")


async def _held(registry: CollectorRegistry, encodings: str = "") -> float:
    longest = 0.0

    async def look() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now

    looking = asyncio.create_task(look())
    await asyncio.sleep(0)
    await page(registry, encodings=encodings)
    await asyncio.sleep(0)
    looking.cancel()
    return longest


def importing() -> None:
    """In a process of its own each."""
    code = "import time; began = time.process_time(); {}; print(time.process_time() - began)"
    used = "from prunella import Counter, Gauge, Histogram, timer"
    found: dict[str, list[float]] = {
        "import prunella": [],
        used: [],
        "import prometheus_client": [],
    }
    for _ in range(ROUNDS):
        for what, seconds in found.items():
            done = subprocess.run(
                [sys.executable, "-c", code.format(what)],
                capture_output=True,
                text=True,
                check=True,
            )
            seconds.append(float(done.stdout))
    at_most("import prunella", 1000 * median(found["import prunella"]), 60, "ms")
    say(f"  with what it loads when it is used, ms: {_said(found, 1e3)}")


def _histogram(kinds: ModuleType) -> prometheus_client.Histogram:
    made: prometheus_client.Histogram = kinds.Histogram("h", "H.", LABELS, registry=None)
    return made


def _filled(series: int, what: str) -> tuple[CollectorRegistry, Callable[[int], None]]:
    """Metrics of ours, and what changes every so manieth of them."""
    prometheus_client.disable_created_metrics()  # type: ignore[no-untyped-call]  # typed in part only
    registry = CollectorRegistry()
    if what != "histograms":
        gauge = instruments.Gauge("g", "G.", LABELS, registry=registry)
        gauges = [gauge.labels("GET", f"/r/{n}", "200") for n in range(series)]
        changes: list[Callable[[float], None]] = [child.set for child in gauges]
    else:
        made = instruments.Histogram("h", "H.", LABELS, registry=registry)
        children = [made.labels("GET", f"/r/{n}", "200") for n in range(series // SERIES)]
        changes = [child.observe for child in children]

    unit = 1.0 if what.endswith("whole numbers") else 0.01

    def change(every: int) -> None:
        for number in range(0, len(changes), every):
            changes[number](unit * number)

    change(1)
    return registry, change


def _in_turns(work: dict[str, Callable[[], object]], times: int) -> dict[str, list[float]]:
    """Seconds of each, by rounds."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, do in work.items():
            began = time.thread_time()
            for _ in range(times):
                do()
            found[name].append((time.thread_time() - began) / times)
    return found


def _timed(do: Callable[[], object]) -> float:
    began = time.thread_time()
    do()
    return time.thread_time() - began


def _ratio(found: dict[str, list[float]], slow: str, fast: str) -> float:
    return median(found[slow]) / median(found[fast])


def _said(found: dict[str, list[float]], unit: float) -> str:
    return ", ".join(f"{name} {unit * median(seconds):,.4g}" for name, seconds in found.items())
