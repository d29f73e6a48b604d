from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from receiver.decide.hours import QuietHours

NIGHT = QuietHours.model_validate({"from": "22:00", "to": "07:00", "timezone": "Europe/Vienna"})
NOON = QuietHours.model_validate({"from": "12:00", "to": "13:30"})


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-21 20:59", None),  # 21:59 there
        ("2026-11-21 21:00", "2026-11-22 06:00"),
        ("2026-11-22 03:00", "2026-11-22 06:00"),
        ("2026-11-22 06:00", None),
        ("2026-07-21 20:00", "2026-07-22 05:00"),  # summer time
        ("2026-03-28 22:00", "2026-03-29 05:00"),  # the night in which it begins
    ],
)
def test_the_night_ends_in_the_morning_of_the_place(now: str, until: str | None) -> None:
    assert NIGHT.until(at(now)) == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-10-25 00:10", "2026-10-25 01:20"),  # 02:10, for the first time
        ("2026-10-25 00:40", "2026-10-25 01:20"),  # 02:40, and 02:20 is still to come
        ("2026-10-25 01:00", "2026-10-25 01:20"),  # 02:00, for the second time
        ("2026-10-25 01:20", None),
        ("2026-03-29 00:30", "2026-03-29 01:20"),  # the clock never shows 02:20
        ("2026-03-29 01:20", None),
    ],
)
def test_an_hour_that_the_clock_shows_twice_is_quiet_to_its_last_end(
    now: str, until: str | None
) -> None:
    short = QuietHours.model_validate({"from": "22:00", "to": "02:20", "timezone": "Europe/Vienna"})
    assert short.until(at(now)) == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("start", "to"), [("02:10", "02:50"), ("01:30", "02:30"), ("02:30", "06:00")]
)
def test_nothing_is_held_until_a_moment_that_is_past(start: str, to: str) -> None:
    hours = QuietHours.model_validate({"from": start, "to": to, "timezone": "Europe/Vienna"})
    for night in ("2026-10-24 22:00", "2026-03-28 22:00"):
        for minute in range(0, 9 * 60, 5):
            now = at(night) + minute * 60
            until = hours.until(now)
            assert until is None or (now < until and hours.until(until) is None)


def test_quiet_hours_by_day_end_on_the_same_day() -> None:
    assert NOON.until(at("2026-11-21 12:00")) == at("2026-11-21 13:30")
    assert NOON.until(at("2026-11-21 13:30")) is None


@given(st.floats(1.7e9, 1.9e9))
def test_when_it_is_over_it_is_not_quiet(now: float) -> None:
    until = NIGHT.until(now)
    assert until is None or (now < until <= now + 10 * 3600 and NIGHT.until(until) is None)


def test_a_time_without_quotes_is_what_was_meant() -> None:
    """YAML 1.1 reads 22:00 as a number of base 60."""
    made = QuietHours.model_validate({"from": 1320, "to": "07:00"})
    assert f"{made.from_:%H:%M}" == "22:00"


def test_what_is_written_out_is_read_again() -> None:
    dumped = NIGHT.model_dump(mode="json", by_alias=True)
    assert dumped == {"from": "22:00", "to": "07:00", "timezone": "Europe/Vienna"}
    assert QuietHours.model_validate(dumped) == NIGHT


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"from": "22:00", "to": "22:00"}, "the same"),
        ({"from": "25:00", "to": "07:00"}, "not a time of day"),
        ({"from": "22:00", "to": "07:00", "timezone": "Mars/Base"}, "no time zone"),
    ],
)
def test_what_cannot_be_is_said(wrong: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        QuietHours.model_validate(wrong)
