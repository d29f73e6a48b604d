"""Who is on call by the events of a calendar."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.rotation import Override, Rotation, Shift, on_call

ICAL: dict[str, Any] = {
    "url": "https://calendar.example/secret.ics",
    "fallback": "cleo",
    "people": {"Anna Smith": "anna", "ben@shop.example": "ben"},
}
ROTATION = Rotation.model_validate({"members": ["anna", "ben", "cleo"], "ical": ICAL})


def shift(*names: str, begin: float = 0.0, end: float = 100.0) -> Shift:
    return Shift(begin, end, names)


@pytest.mark.parametrize(
    ("names", "called"),
    [
        (("anna",), "anna"),
        (("BEN",), "ben"),
        ((" anna   SMITH ",), "anna"),
        (("On Call - Platform", "", "ben@shop.example"), "ben"),
        (("anna", "ben@shop.example"), "anna"),  # the summary goes first
        (("annabel",), "cleo"),
        (("ops",), "cleo"),  # a channel perhaps, but no member: a calendar calls nobody else
        ((), "cleo"),
    ],
)
def test_an_event_means_a_member_or_somebody_of_people(names: tuple[str, ...], called: str) -> None:
    assert ROTATION.turn(50.0, [shift(*names)]) == (called,)


def test_a_shift_begins_with_its_first_second_and_is_over_with_its_last() -> None:
    shifts = [shift("anna"), shift("ben", begin=100.0, end=200.0)]
    called = [ROTATION.turn(now, shifts) for now in (-0.1, 0.0, 99.9, 100.0, 200.0)]
    assert called == [("cleo",), ("anna",), ("anna",), ("ben",), ("cleo",)]


def test_of_two_shifts_at_once_both_are_called_each_once() -> None:
    shifts = [shift("anna"), shift("ben", begin=50.0), shift("Anna Smith")]
    assert ROTATION.turn(60.0, shifts) == ("anna", "ben")


def test_in_a_gap_the_fallback_is_called_and_it_is_known() -> None:
    shifts = [shift("anna"), shift("nobody we know", begin=100.0, end=200.0)]
    assert [ROTATION.uncovered(now, shifts) for now in (50.0, 150.0, 250.0)] == [False, True, True]
    assert ROTATION.turn(150.0, shifts) == ("cleo",)


def test_who_stands_in_goes_before_the_calendar() -> None:
    stands_in = Override("ben", 60.0, "ann")
    called = [on_call(ROTATION, stands_in, now, [shift("anna")]) for now in (50.0, 60.0)]
    assert called == [("ben",), ("anna",)]


_SHIFTS = st.lists(
    st.builds(
        Shift,
        st.floats(-100, 100),
        st.floats(-100, 100),
        st.lists(st.sampled_from(["anna", "BEN", "Anna Smith", "x", ""]), max_size=3).map(tuple),
    )
)


@given(st.floats(-100, 100), _SHIFTS)
def test_somebody_is_called_at_any_time_and_members_only(now: float, shifts: list[Shift]) -> None:
    called = ROTATION.turn(now, shifts)
    assert called
    assert set(called) <= set(ROTATION.members)
    assert len(set(called)) == len(called)
    assert set(called) == set(ROTATION.turn(now, shifts[::-1]))


def test_the_address_is_a_secret() -> None:
    assert "secret.ics" not in repr(ROTATION)
    assert "secret.ics" not in ROTATION.model_dump_json()
