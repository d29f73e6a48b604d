"""How closely a young release is looked at."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.launch import HOUR, LAUNCH_WATCH, Phase, phase
from tests.receiver.builders import NOW

MINUTE = 60.0


@pytest.mark.parametrize(
    ("age", "number", "next_at"),
    [
        (0, 1, 15 * MINUTE),
        (14 * MINUTE, 1, 15 * MINUTE),
        (15 * MINUTE, 1, 30 * MINUTE),
        (6 * HOUR - 1, 1, 6 * HOUR),
        (6 * HOUR, 2, 6.5 * HOUR),
        (24 * HOUR - 1, 2, 24 * HOUR),
        (24 * HOUR, 3, 28 * HOUR),
        (72 * HOUR - 1, 3, 72 * HOUR),
    ],
)
def test_the_watch_is_close_at_first_and_looser_later(
    age: float, number: int, next_at: float
) -> None:
    seen = phase(LAUNCH_WATCH, NOW, NOW + age)
    assert seen is not None
    assert (seen.phase, seen.due - NOW) == (number, next_at)


def test_it_ends_after_three_days() -> None:
    assert phase(LAUNCH_WATCH, NOW, NOW + 72 * HOUR) is None


def test_a_watch_without_phases_never_begins() -> None:
    assert phase((), NOW, NOW) is None


def test_a_clock_that_was_set_back_is_at_the_beginning() -> None:
    seen = phase(LAUNCH_WATCH, NOW, NOW - HOUR)
    assert seen is not None
    assert (seen.phase, seen.due) == (1, NOW + 15 * MINUTE)


def test_the_last_look_of_a_phase_is_at_its_end_also_when_it_does_not_fit() -> None:
    seen = phase((Phase(100, 30),), 0, 95)
    assert seen is not None
    assert seen.due == 100


def test_there_are_seventy_two_looks_in_all() -> None:
    looks = list(walk(0.0))
    assert len(looks) == 24 + 36 + 12
    assert looks[-1] == 72 * HOUR


def walk(deployed_at: float) -> list[float]:
    """The moments at which somebody who waits for each one looks."""
    now, looks = deployed_at, []
    while (seen := phase(LAUNCH_WATCH, deployed_at, now)) is not None:
        now = seen.due
        looks.append(now)
    return looks


@given(st.floats(0, 4e9), st.floats(0, 80 * HOUR))
def test_the_next_look_is_always_ahead_and_never_after_the_end(began: float, age: float) -> None:
    now = began + age
    seen = phase(LAUNCH_WATCH, began, now)
    if seen is None:
        assert now - began >= 72 * HOUR
    else:
        assert now < seen.due <= began + 72 * HOUR
        assert 1 <= seen.phase <= 3


@given(st.integers(0, 4_000_000_000))
def test_looks_follow_each_other_and_come_to_an_end(began: int) -> None:
    looks = walk(float(began))
    assert all(a < b for a, b in pairwise(looks))
    assert looks[-1] == began + 72 * HOUR
