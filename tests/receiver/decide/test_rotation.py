from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from receiver.decide.rotation import Override, Rotation, on_call

WEEKLY: dict[str, Any] = {
    "members": ["anna", "ben", "cleo"],
    "start": "2026-01-05 09:00",
    "every": "1w",
    "timezone": "Europe/Vienna",
}


def rotation(**changes: Any) -> Rotation:
    return Rotation.model_validate({**WEEKLY, **changes})


def at(text: str) -> float:
    """UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "member"),
    [
        ("2026-01-05 07:59", "cleo"),  # before the first turn it is who would have had it
        ("2026-01-05 08:00", "anna"),
        ("2026-01-12 07:59", "anna"),
        ("2026-01-12 08:00", "ben"),
        ("2026-01-19 08:00", "cleo"),
        ("2026-01-26 08:00", "anna"),
        ("2026-03-30 06:59", "cleo"),  # summer time began: nine there is seven in UTC
        ("2026-03-30 07:00", "anna"),
    ],
)
def test_turns_are_handed_over_on_the_wall_clock(now: str, member: str) -> None:
    assert rotation().turn(at(now)) == (member,)


def test_a_day_without_a_time_begins_at_midnight() -> None:
    made = rotation(start="2026-01-05", timezone="UTC")
    assert [made.turn(at(day)) for day in ("2026-01-11 23:59", "2026-01-12 00:00")] == [
        ("anna",),
        ("ben",),
    ]


@given(st.integers(0, 5000))
def test_everybody_has_the_same_number_of_turns(days: int) -> None:
    made = rotation(every="1d", timezone="UTC")
    begun = datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(days=days)
    turns = [made.turn((begun + timedelta(days=day)).timestamp()) for day in range(3)]
    assert sorted(turns) == [("anna",), ("ben",), ("cleo",)]


def test_somebody_stands_in_until_it_ends() -> None:
    now = at("2026-01-05 10:00")
    stands_in = Override("cleo", now + 3600, "ann")
    assert on_call(rotation(), stands_in, now) == ("cleo",)
    assert on_call(rotation(), stands_in, now + 3600) == ("anna",)
    assert on_call(rotation(), None, now) == ("anna",)


def test_who_is_no_member_any_more_stands_in_for_nobody() -> None:
    now = at("2026-01-05 10:00")
    assert on_call(rotation(), Override("dora", now + 3600, "ann"), now) == ("anna",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"members": []},
        {"start": "monday"},
        {"start": "2026-01-05T09:00+01:00"},
        {"every": "5m"},
        {"timezone": "X"},
    ],
)
def test_what_is_no_rotation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        rotation(**wrong)
