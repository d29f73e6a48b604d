"""A month of a hundred alerts through the receiver's own stages, and the report and page of it."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator

import uvloop

from benchmarks.report import at_most, say
from receiver.backtest.cases import read_cases
from receiver.backtest.history import Stretch, heard
from receiver.backtest.page import page
from receiver.backtest.replay import Span, replay
from receiver.backtest.report import report_of
from receiver.backtest.world import harmless
from receiver.decide.plan import Mode
from receiver.settings import ReceiverSettings

ALERTS, DAYS, DAY = 100, 30, 86_400.0
START = 1_789_948_800.0
OFTEN = float(os.environ.get("BENCH_EPISODES", "10"))  # how often each fires in the month
LASTS = (1, 2, 5, 5, 10, 30, 60)  # minutes


def main() -> None:
    """One run; CPU beside wall time, because others may use the machine."""
    history = [one for number in range(ALERTS) for one in _alert(number)]
    say(f"backtest: {ALERTS} alerts, {len(history)} episodes in {DAYS} days")
    began, used = time.monotonic(), time.process_time()
    settings = _settings()
    span = Span(START, START + DAYS * DAY)
    rows = uvloop.run(replay(harmless(settings, Mode.AUTO), heard(history), span))
    cases = read_cases(rows, {book.name: ["first", "second"] for book in settings.playbooks})
    report = report_of(cases, settings.playbooks, settings.mode, span, (ALERTS, len(history)))
    html = page([("month", report)])
    cpu, wall = time.process_time() - used, time.monotonic() - began
    at_most("CPU of the whole, page included", cpu, 30, "s")
    at_most("wall time", wall, 30, "s")
    say(
        f"  {len(report.actions)} actions, {len(cases)} incidents, page {len(html) / 1024:.0f} KB, load {os.getloadavg()[0]:.1f}"
    )


def _alert(number: int) -> Iterator[Stretch]:
    chance = random.Random(number)  # noqa: S311 - the same month each time, and nothing secret
    labels = {"alertname": f"A{number % 10}", "service": f"s{number}", "severity": "critical"}
    at = START
    while True:
        at += 60 * round(chance.expovariate(OFTEN / (DAYS * DAY)) / 60 + 1)
        if at >= START + DAYS * DAY:
            return
        ends = at + 60 * chance.choice(LASTS)
        yield Stretch(labels, at, ends)
        at = ends


def _settings() -> ReceiverSettings:
    targets = {
        f"s{number}": {
            "matchers": [f'service="s{number}"'],
            "http": {"base_url": "http://127.0.0.1:1"},
        }
        for number in range(ALERTS)
    }
    ladder = [
        {"name": "first", "action": "call", "path": "/gc"},
        {"name": "second", "action": "run", "argv": ["/bin/true"]},
    ]
    books = [
        {
            "name": f"b{number}",
            "matchers": [f'alertname="A{number}"'],
            "ladder": ladder,
            "verify": {"within": "3m"},
        }
        for number in range(10)
    ]
    return ReceiverSettings.model_validate({"targets": targets, "playbooks": books})
