"""Which moments a schedule has, and which of them is due."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from prunella.service.units import format_duration
from receiver.decide.plan import Mode, Playbook, Verify
from receiver.decide.schedule import Due, Schedule, due, moments, scheduled_draft

BERLIN = "Europe/Berlin"


def a_schedule(cron: str = "0 */6 * * *", **more: Any) -> Schedule:
    return Schedule.model_validate(
        {"name": "heal", "cron": cron, "action": "heal_all", "on": ["db"], **more}
    )


def at(text: str) -> float:
    """`2026-03-29T02:30+01:00` in unix seconds; without an offset it is UTC."""
    moment = datetime.fromisoformat(text if "+" in text else f"{text}+00:00")
    return moment.timestamp()


def first(schedule: Schedule, after: str, count: int) -> list[float]:
    return list(islice(moments(schedule, at(after)), count))


def test_its_moments_are_those_of_the_expression() -> None:
    found = first(a_schedule(), "2026-11-21T05:59:59", 3)
    assert found == [at("2026-11-21T06:00"), at("2026-11-21T12:00"), at("2026-11-21T18:00")]


def test_a_moment_is_not_after_itself() -> None:
    assert first(a_schedule(), "2026-11-21T06:00", 1) == [at("2026-11-21T12:00")]
    assert next(moments(a_schedule(), at("2026-11-21T06:00") - 0.001)) == at("2026-11-21T06:00")


def test_nothing_is_due_before_its_moment() -> None:
    since, now = at("2026-11-21T00:00"), at("2026-11-21T05:59:59")
    assert due(a_schedule(), since, now) == Due()


def test_a_moment_is_due_once_it_has_come() -> None:
    since, now = at("2026-11-21T00:00"), at("2026-11-21T06:00:04")
    assert due(a_schedule(), since, now) == Due(at("2026-11-21T06:00"))
    assert due(a_schedule(), now, now + 5) == Due()


def test_of_many_that_were_missed_the_latest_is_due_and_no_other() -> None:
    every_minute = a_schedule("* * * * *")
    since, now = at("2026-11-21T06:00"), at("2026-11-21T06:41:30")
    assert due(every_minute, since, now) == Due(at("2026-11-21T06:41"))


def test_what_was_missed_for_longer_than_the_grace_is_too_late() -> None:
    since, now = at("2026-11-21T00:00"), at("2026-11-21T07:00:01")
    assert due(a_schedule(), since, now) == Due(missed=at("2026-11-21T06:00"))
    assert due(a_schedule(grace="2h"), since, now) == Due(at("2026-11-21T06:00"))


def test_a_clock_that_was_set_back_makes_nothing_due() -> None:
    assert due(a_schedule(), at("2026-11-21T06:00"), at("2026-11-21T05:00")) == Due()


def test_in_a_time_zone_its_hours_are_those_of_the_wall_clock() -> None:
    nightly = a_schedule("0 3 * * *", timezone=BERLIN)
    assert first(nightly, "2026-03-28T00:00", 2) == [
        at("2026-03-28T03:00+01:00"),
        at("2026-03-29T03:00+02:00"),
    ]


def test_what_falls_into_the_hour_that_is_left_out_is_done_after_it() -> None:
    nightly = a_schedule("30 2 * * *", timezone=BERLIN)
    assert first(nightly, "2026-03-28T12:00", 2) == [
        at("2026-03-29T03:00+02:00"),
        at("2026-03-30T02:30+02:00"),
    ]


def test_what_falls_into_the_hour_that_comes_twice_is_done_once() -> None:
    nightly = a_schedule("30 2 * * *", timezone=BERLIN)
    expected = [at("2026-10-25T02:30+02:00"), at("2026-10-26T02:30+01:00")]
    assert first(nightly, "2026-10-24T12:00", 2) == expected
    in_the_second = at("2026-10-25T02:10+01:00")
    assert list(islice(moments(nightly, in_the_second), 1)) == expected[1:]


def test_what_is_done_every_half_hour_is_done_in_both() -> None:
    often = a_schedule("*/30 * * * *", timezone=BERLIN)
    found = first(often, "2026-10-25T00:00", 4)  # 02:00 summer time, a moment of its own
    assert [later - one for one, later in pairwise(found)] == [1800.0] * 3


crons = st.sampled_from(
    ["* * * * *", "*/7 * * * *", "0 * * * *", "30 2 * * *", "15,45 1-3 * * *", "0 0 * * MON"]
)
around = st.floats(at("2026-10-20T00:00"), at("2026-10-30T00:00"))
stretches = st.lists(st.floats(0.0, 90_000.0), min_size=1, max_size=12)


@given(crons, st.sampled_from(["UTC", BERLIN]), around, stretches)
def test_however_often_somebody_looks_no_moment_is_taken_twice_and_none_out_of_order(
    cron: str, zone: str, begin: float, waits: list[float]
) -> None:
    schedule, since, taken = a_schedule(cron, timezone=zone, grace="30m"), begin, [begin]
    for wait in waits:
        now = since + wait
        found = due(schedule, since, now)
        if found.at is not None:
            assert since < found.at <= now
            assert now - found.at <= 1800.0
            taken.append(found.at)
        since = now
    assert taken == sorted(set(taken))


@given(crons, st.sampled_from(["UTC", BERLIN]), around)
def test_who_looks_often_takes_every_moment(cron: str, zone: str, begin: float) -> None:
    schedule = a_schedule(cron, timezone=zone)
    expected = [one for one in islice(moments(schedule, begin), 20) if one <= begin + 600.0]
    looks = (due(schedule, begin + 5.0 * n, begin + 5.0 * (n + 1)).at for n in range(120))
    assert [one for one in looks if one is not None] == expected


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cron": "0 * * *"}, "is not `minute hour"),
        ({"cron": "0 0 0 * * *"}, "is not `minute hour"),
        ({"cron": "@daily"}, "is not `minute hour"),
        ({"cron": "61 * * * *"}, "bad minute"),
        ({"cron": "0 0 30 2 *"}, "bad day-of-month"),
        ({"cron": "٣ * * * *"}, "is not `minute hour"),
        ({"cron": "9" * 5000 + " * * * *"}, "is not `minute hour"),
        ({"timezone": "Berlin"}, "no time zone 'Berlin'"),
        ({"timezone": "../../etc/passwd"}, "no time zone"),
        ({"timezone": "."}, "no time zone"),
        ({"timezone": ""}, "no time zone"),
        ({"on": []}, "must not be empty"),
        ({"on": ["a", "b", "a"]}, "names a twice"),
        ({"grace": "0"}, "greater than 0"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_schedule(**wrong)


def test_a_moment_opens_one_incident_for_each_target_that_is_like_no_other() -> None:
    schedule = a_schedule(on=["db", "jobs"])
    keys = {
        scheduled_draft(schedule, target, moment, Verify()).key
        for target in schedule.on
        for moment in first(schedule, "2026-11-21T00:00", 2)
    }
    assert len(keys) == 4
    assert all(key.startswith("schedule:heal:") for key in keys)


def test_its_playbook_is_one_rung_that_waits_no_longer_than_the_grace() -> None:
    schedule = a_schedule(options={"dry_run": True}, grace="20m", timeout="90s", notify=["ops"])
    draft = scheduled_draft(schedule, "db", at("2026-11-21T06:00"), Verify())
    book = Playbook.model_validate(dict(draft.plan))
    (rung,) = book.ladder
    assert (rung.action, rung.options, rung.timeout) == ("heal_all", {"dry_run": True}, 90.0)
    assert (book.mode, book.cooldown, book.notify) == (Mode.AUTO, 0.0, ("ops",))
    assert format_duration(book.blocked_max) == "20m"
    assert draft.title == "heal_all on db, by schedule heal"
