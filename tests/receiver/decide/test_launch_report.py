"""A report says what got worse, since when and against what, in lines that fit a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.launch_report import (
    WIDTH,
    bars,
    marks,
    message,
    reasons,
    report,
    since,
    title,
)
from receiver.decide.regression import Finding, Seen, judge
from receiver.decide.watching import Checkpoint, Launch, Outcome
from tests.receiver.builders import NOW
from tests.receiver.decide.launches import HOUR, WATCH, a_baseline, a_checkpoint, seen
from tests.receiver.decide.releases import a_release

MAYBE = st.one_of(st.none(), st.floats(0, 1e9))


def watched(*looks: Seen) -> Launch:
    baseline, checkpoints = a_baseline(), []
    for number, look in enumerate(looks, start=1):
        at = NOW + number * HOUR / 4
        judgement = judge(look, baseline, WATCH, at)
        checkpoints.append(Checkpoint(at, at, 1, judgement.finding, judgement.signals))
    return Launch(a_release("v2", hours_ago=0.0), NOW, baseline, tuple(checkpoints))


def test_it_begins_with_what_there_is_to_say() -> None:
    launch = watched(seen(), seen(p95=0.9))
    assert title(launch) == "api v2: degraded in phase 1 of its launch watch"
    lines = report(launch).splitlines()
    assert lines[0] == title(launch)
    assert lines[2:5] == [
        "2 checkpoints: 1 pass, 1 degraded",
        "baseline: before the deploy",
        "latency p95: 900 ms, above the limit of 300 ms; the baseline is 200 ms",
    ]


def test_what_is_worse_says_since_when() -> None:
    (row,) = [
        line
        for line in report(watched(seen(), seen(p95=0.9), seen(p95=0.8))).splitlines()
        if line.startswith("latency p95  ")
    ]
    assert row.split()[2:10] == ["200", "ms", "300", "ms", "800", "ms", "900", "ms"]
    assert row.endswith("▄██  worse since 30m after the deploy")


def test_a_message_has_a_line_for_each_signal_and_no_columns() -> None:
    lines = message(watched(seen(), seen(p95=0.9), seen(p95=0.8))).splitlines()
    (row,) = [line for line in lines if line.startswith("latency p95: 800 ms, at worst")]
    assert row == (
        "latency p95: 800 ms, at worst 900 ms; baseline 200 ms, limit 300 ms,"
        " worse since 30m after the deploy  ▄██"
    )
    assert not any("   " in line for line in lines)


def test_what_recovered_is_not_worse_any_more() -> None:
    assert since(watched(seen(p95=0.9), seen()), "p95") is None
    assert since(watched(seen(p95=0.9), seen(p95=None)), "p95") == NOW + HOUR / 4


def test_a_signal_that_was_never_there_has_no_row() -> None:
    rows = report(watched(seen(queue_lag=None))).splitlines()
    assert not any(row.startswith("jobs waiting  ") for row in rows)


def test_a_release_that_was_not_looked_at_says_so() -> None:
    assert report(watched()).splitlines()[0] == "api v2: no checkpoint yet"


@pytest.mark.parametrize("outcome", list(Outcome))
def test_how_it_ended_is_its_first_line(outcome: Outcome) -> None:
    launch = replace(watched(seen()), outcome=outcome)
    assert title(launch).startswith("api v2: it") or title(launch).startswith("api v2: its")


def test_without_a_word_against_it_a_checkpoint_says_that() -> None:
    assert reasons(watched(seen()).checkpoints[0]) == "every signal is within its limit"
    assert reasons(a_checkpoint(Finding.INCONCLUSIVE)).startswith("nothing could be seen")


def test_bars_reach_to_the_limit_in_five_steps_and_above_it_in_two() -> None:
    points = [(0.0, 10.0), (5.0, 10.0), (10.0, 10.0), (10.1, 10.0), (20.1, 10.0), (None, 10.0)]
    assert bars(points) == "▁▃▅▇█·"


def test_of_too_many_the_worst_neighbour_is_shown() -> None:
    points = [(1.0, 10.0)] * 99 + [(99.0, 10.0)]
    assert bars(points).endswith("█")
    checkpoints = [a_checkpoint()] * 99 + [a_checkpoint(Finding.DEGRADED)]
    assert marks(checkpoints).endswith("!")
    assert marks([a_checkpoint(), a_checkpoint(Finding.INCONCLUSIVE)]) == "+?"


@given(st.lists(st.tuples(MAYBE, MAYBE), max_size=1000))
def test_whatever_was_measured_the_bars_fit(
    points: list[tuple[float | None, float | None]],
) -> None:
    assert len(bars(points)) <= WIDTH
    assert bool(bars(points)) == bool(points)
