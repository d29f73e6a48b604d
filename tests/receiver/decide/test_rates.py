from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from receiver.decide.guards import Rate
from receiver.decide.rates import PositiveRate, Spent, parse_rate


def test_a_rate_is_a_count_in_a_span() -> None:
    assert parse_rate("20/1m") == Rate(20, 60.0)


@pytest.mark.parametrize("text", ["20", "1m/20", "-1/1m", "20/", "20/0", "20/60"])
def test_what_is_no_rate_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"3/1h|say 60s|duration"):
        parse_rate(text)


def test_a_rate_of_nothing_is_refused_where_it_would_never_end() -> None:
    with pytest.raises(ValidationError, match="nothing for ever"):
        TypeAdapter(PositiveRate).validate_python("0/1m")


def test_without_a_rate_there_is_as_much_as_is_asked_for() -> None:
    assert Spent().left(None, 0.0, 50) == 50


def test_what_was_done_comes_back_after_the_span() -> None:
    spent, rate = Spent(), Rate(2, 60.0)
    spent.spend(0.0)
    spent.spend(30.0)
    assert [spent.left(rate, now, 50) for now in (30.0, 59.9, 60.0, 90.0)] == [0, 0, 1, 2]


def test_a_clock_that_was_set_back_stops_nobody() -> None:
    spent = Spent()
    spent.spend(1e6)
    assert spent.left(Rate(1, 60.0), 5.0, 50) == 1


@given(st.integers(1, 5), st.lists(st.floats(0.0, 30.0), max_size=80))
def test_no_span_however_it_lies_holds_more_than_the_rate(count: int, pauses: list[float]) -> None:
    spent, rate, now, done = Spent(), Rate(count, 60.0), 0.0, []
    for pause in pauses:
        now += pause
        if spent.left(rate, now, 9):
            spent.spend(now)
            done.append(now)
    assert all(sum(begin <= at < begin + 60.0 for at in done) <= count for begin in done)
