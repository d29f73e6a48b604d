"""Where the captions of moments stand over a picture: each beside its moment's line, none over another.

What is done within seconds has lines that are hardly apart, and captions that are far wider than that. Two programs draw
such pictures; this is what they have in common. Pure, in whatever unit the picture is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """Where its line is, and how wide its caption, with all the room that it needs."""

    at: float
    wide: float


@dataclass(frozen=True, slots=True)
class Place:
    """`row` is counted from the picture upwards; a caption begins at its line, or ends there."""

    row: int
    ends: bool


def places(moments: Sequence[Moment], left: float, right: float) -> list[Place]:
    """Of each moment its caption's; captions reach from `left` to `right` at most."""
    ends = _sides(moments, left, right)
    reaches = [_reach(one, ends=side) for one, side in zip(moments, ends, strict=True)]
    rows: dict[int, int] = {}
    for one in _outwards(moments, ends):
        met = (row for other, row in rows.items() if _meet(reaches[one], reaches[other]))
        rows[one] = max(met, default=-1) + 1
    return [Place(rows[one], side) for one, side in enumerate(ends)]


def _sides(moments: Sequence[Moment], left: float, right: float) -> list[bool]:
    """Whether each ends at its line: all alike if they can be, because captions that face each other cross lines."""
    if all(one.at + one.wide <= right for one in moments):
        return [False] * len(moments)
    if all(one.at - one.wide >= left for one in moments):
        return [True] * len(moments)
    return [one.at > (left + right) / 2 for one in moments]


def _outwards(moments: Sequence[Moment], ends: Sequence[bool]) -> list[int]:
    """The order in which each one's line comes down where none of those before it has its caption."""
    order = sorted(range(len(moments)), key=lambda one: moments[one].at)
    begins = [one for one in reversed(order) if not ends[one]]
    return [*begins, *(one for one in order if ends[one])]


def _reach(moment: Moment, *, ends: bool) -> tuple[float, float]:
    """Of its caption and its line."""
    return (moment.at - moment.wide, moment.at) if ends else (moment.at, moment.at + moment.wide)


def _meet(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] < other[1] and other[0] < one[1]
