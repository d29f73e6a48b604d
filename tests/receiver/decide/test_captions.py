"""Captions over a picture: whatever is marked, and however near each other, all can be read."""

from __future__ import annotations

from itertools import combinations, permutations

from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.captions import Moment, Place, places

MOMENTS = st.lists(st.builds(Moment, st.floats(0, 640), st.floats(20, 225)), max_size=6)


def stand(*moments: tuple[float, float]) -> list[Place]:
    return places([Moment(*one) for one in moments], 0, 640)


def reach(moment: Moment, place: Place) -> tuple[float, float]:
    return (
        (moment.at - moment.wide, moment.at) if place.ends else (moment.at, moment.at + moment.wide)
    )


def test_what_is_far_apart_is_in_one_row() -> None:
    assert stand((100, 50), (200, 50), (300, 50)) == [Place(0, ends=False)] * 3


def test_what_is_near_is_in_a_row_of_its_own_and_crossed_by_no_line() -> None:
    # each line comes down on the left of the captions beneath
    assert [one.row for one in stand((100, 50), (101, 50), (102, 50))] == [2, 1, 0]


def test_at_the_end_captions_end_at_their_lines() -> None:
    assert stand((600, 50), (610, 50)) == [Place(0, ends=True), Place(1, ends=True)]


def test_what_fits_on_neither_side_for_all_stands_on_the_side_of_its_half() -> None:
    assert stand((10, 50), (630, 50)) == [Place(0, ends=False), Place(0, ends=True)]


def test_one_moment_many_times_is_many_rows() -> None:
    assert sorted(one.row for one in stand(*[(320, 100)] * 5)) == [0, 1, 2, 3, 4]


def test_of_nothing_nothing_stands_anywhere() -> None:
    assert stand() == []


@given(MOMENTS)
def test_no_caption_is_over_another_nor_outside(moments: list[Moment]) -> None:
    placed = list(zip(moments, places(moments, 0, 640), strict=True))
    for one, other in combinations(placed, 2):
        (left, right), (from_, to) = reach(*one), reach(*other)
        assert one[1].row != other[1].row or right <= from_ or to <= left
    assert all(left >= 0 and right <= 640 for left, right in (reach(*one) for one in placed))


@given(MOMENTS)
def test_where_all_stand_on_one_side_no_line_crosses_a_caption(moments: list[Moment]) -> None:
    placed = list(zip(moments, places(moments, 0, 640), strict=True))
    if len({place.ends for _, place in placed}) < 2:
        for (moment, place), other in permutations(placed, 2):
            left, right = reach(*other)
            assert not (left < moment.at < right and place.row >= other[1].row)
