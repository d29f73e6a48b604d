"""How closely a young release is looked at."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.launch import HOUR, PHASES, LaunchWatch, Phase, due, moments, phase
from tests.receiver.builders import NOW

MINUTE = 60.0


def a_phase(until: float, every: float) -> Phase:
    return Phase.model_construct(until=until, every=every)


def next_of(
    age: float,
    *,
    first: float = 0.0,
    taken: float | None = None,
    phases: tuple[Phase, ...] = PHASES,
) -> float | None:
    """How long after the deploy the checkpoint was due that is to be taken now."""
    found = due(
        phases,
        NOW,
        first=NOW + first,
        taken=None if taken is None else NOW + taken,
        now=NOW + age,
    )
    return None if found is None else found.due - NOW


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
    seen = phase(PHASES, NOW, NOW + age)
    assert seen is not None
    assert (seen.phase, seen.due - NOW) == (number, next_at)


def test_it_ends_after_three_days() -> None:
    assert phase(PHASES, NOW, NOW + 72 * HOUR) is None


def test_a_watch_without_phases_never_begins() -> None:
    assert phase((), NOW, NOW) is None


def test_a_clock_that_was_set_back_is_at_the_beginning() -> None:
    seen = phase(PHASES, NOW, NOW - HOUR)
    assert seen is not None
    assert (seen.phase, seen.due) == (1, NOW + 15 * MINUTE)


def test_the_last_look_of_a_phase_is_at_its_end_also_when_it_does_not_fit() -> None:
    seen = phase((a_phase(100, 30),), 0, 95)
    assert seen is not None
    assert seen.due == 100


def test_there_are_seventy_two_looks_in_all() -> None:
    looks = list(walk(0.0))
    assert len(looks) == 24 + 36 + 12
    assert looks[-1] == 72 * HOUR


def walk(deployed_at: float) -> list[float]:
    """The moments at which somebody who waits for each one looks."""
    now, looks = deployed_at, []
    while (seen := phase(PHASES, deployed_at, now)) is not None:
        now = seen.due
        looks.append(now)
    return looks


@given(st.floats(0, 4e9), st.floats(0, 80 * HOUR))
def test_the_next_look_is_always_ahead_and_never_after_the_end(began: float, age: float) -> None:
    now = began + age
    seen = phase(PHASES, began, now)
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


@given(st.floats(0, 80 * HOUR))
def test_what_is_due_is_what_whoever_waited_for_the_next_one_waited_for(age: float) -> None:
    passed = [at for at in walk(0.0) if at <= age]
    assert next_of(age) == (passed[-1] if passed else None)


def test_what_was_missed_is_made_up_for_by_the_latest() -> None:
    assert next_of(5 * HOUR + 1, taken=HOUR) == 5 * HOUR
    assert next_of(5 * HOUR + 1, taken=5 * HOUR) is None


def test_nothing_is_due_before_there_is_something_to_look_back_on() -> None:
    assert next_of(16 * MINUTE, first=20 * MINUTE) is None
    assert next_of(31 * MINUTE, first=20 * MINUTE) == 30 * MINUTE


def test_a_deploy_that_took_longer_than_its_watch_is_looked_at_once() -> None:
    assert next_of(80 * HOUR, first=80 * HOUR) == 72 * HOUR


def test_a_watch_that_was_made_shorter_than_it_lasted_ends_now() -> None:
    assert next_of(80 * HOUR, taken=76 * HOUR) == 80 * HOUR
    assert next_of(80 * HOUR, taken=80 * HOUR) is None


def test_only_the_last_of_all_is_the_last() -> None:
    every = moments((a_phase(100, 30), a_phase(110, 60)))
    assert [(one.phase, one.due, one.last) for one in every] == [
        *((1, 30, False), (1, 60, False), (1, 90, False), (1, 100, False), (2, 110, True))
    ]


def test_a_ratio_alone_makes_nothing_worse_and_neither_does_a_difference() -> None:
    errors = LaunchWatch().threshold("errors")
    assert errors.limit(0.0) == 0.01
    assert errors.limit(0.04) == 0.08
    assert LaunchWatch().threshold("p95").limit(1.0) == 1.5


def test_one_threshold_is_changed_and_the_others_stay() -> None:
    watch = LaunchWatch.model_validate(
        {"signals": {"errors": {"ratio": 3}, "memory": {"floor": "1GiB", "judged": False}}}
    )
    assert watch.threshold("errors").bounds() == (0.01, 0.05)
    assert watch.threshold("memory").bounds() == (float(1 << 30), None)
    assert not watch.threshold("memory").judged
