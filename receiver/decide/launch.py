"""The launch watch: how closely a release is looked at while it is young, and when next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class Phase:
    """Until so long after the deploy a checkpoint is due every so often; seconds."""

    until: float
    every: float


LAUNCH_WATCH = (Phase(6 * HOUR, HOUR / 4), Phase(24 * HOUR, HOUR / 2), Phase(72 * HOUR, 4 * HOUR))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """In which phase a release is, the first being 1, and when it is to be looked at next; unix seconds."""

    phase: int
    due: float


def phase(watch: Sequence[Phase], deployed_at: float, now: float) -> Checkpoint | None:
    """None when the watch is over. A clock that was set back is at its beginning."""
    age, began = max(0.0, now - deployed_at), 0.0
    for number, one in enumerate(watch, start=1):
        if age < one.until:
            passed = floor((age - began) / one.every)
            due = min(one.until, began + (passed + 1) * one.every)
            return Checkpoint(number, deployed_at + due)
        began = one.until
    return None
