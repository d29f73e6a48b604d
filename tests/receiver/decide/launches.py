"""Figures of launch watches for tests: a service that is well, and what a test says is different."""

from __future__ import annotations

from receiver.decide.launch import LaunchWatch
from receiver.decide.regression import (
    Base,
    Baseline,
    Finding,
    Judged,
    Judgement,
    Measured,
    Seen,
    Source,
    judge,
)
from receiver.decide.watching import Checkpoint
from tests.receiver.builders import NOW

MINUTE, HOUR, MIB = 60.0, 3600.0, float(1 << 20)
WELL = {
    "errors": 0.001,
    "p95": 0.2,
    "p99": 0.4,
    "memory": 300 * MIB,
    "queue_lag": 3.0,
    "probe_failures": 0.0,
}
WATCH = LaunchWatch()


def seen(traffic: float | None = 5.0, **changes: float | None) -> Seen:
    """Everything is measured; None is what was not found."""
    figures = {**WELL, **changes}
    return Seen(Measured(traffic), {name: Measured(value) for name, value in figures.items()})


def unasked(problem: str = "no answer") -> Seen:
    return Seen(Measured(problem=problem), dict.fromkeys(WELL, Measured(problem=problem)))


def a_baseline(**changes: float | None) -> Baseline:
    """As a service that is well had it before the deploy; None is left out."""
    figures = {**WELL, **changes}
    return {
        name: Base(value, Source.BEFORE, NOW)
        for name, value in figures.items()
        if value is not None
    }


def judged(what: Seen, baseline: Baseline | None = None, watch: LaunchWatch = WATCH) -> Judgement:
    return judge(what, a_baseline() if baseline is None else baseline, watch, NOW)


def one_of(judgement: Judgement, signal: str) -> Judged:
    (found,) = [one for one in judgement.signals if one.signal == signal]
    return found


def a_checkpoint(
    finding: Finding = Finding.PASS, *, after: float = HOUR, phase: int = 1
) -> Checkpoint:
    return Checkpoint(NOW + after, NOW + after, phase, finding)
