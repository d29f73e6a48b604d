"""What another set of playbooks would have done differently with the same history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from receiver.backtest.cases import Acted
from receiver.backtest.report import Evidence, Report

FIGURES = ("reached", "acted", "cleared", "human", "waiting", "actions", "helped")


@dataclass(frozen=True, slots=True)
class Change:
    """A figure that is another one; None where the rung is in one of the two only."""

    playbook: str
    rung: str
    figure: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Diff:
    """From the first file to the second."""

    changes: Sequence[Change]
    gone: Sequence[Acted]
    new: Sequence[Acted]


def diff_of(before: Report, after: Report) -> Diff:
    """Actions are the same when the same rung begins on the same target at the same moment."""
    was, now = Counter(before.actions), Counter(after.actions)
    return Diff(
        changes=list(_changes(before.rungs, after.rungs)),
        gone=_sorted(was - now),
        new=_sorted(now - was),
    )


def _sorted(actions: Counter[Acted]) -> list[Acted]:
    return sorted(actions.elements(), key=lambda one: (one.at, one.playbook, one.target))


def _changes(before: Sequence[Evidence], after: Sequence[Evidence]) -> Iterator[Change]:
    was = {(one.playbook, one.rung): one for one in before}
    now = {(one.playbook, one.rung): one for one in after}
    for key in dict.fromkeys([*was, *now]):
        for figure in FIGURES:
            old, new = (getattr(side[key], figure) if key in side else None for side in (was, now))
            if old != new:
                yield Change(*key, figure, old, new)
