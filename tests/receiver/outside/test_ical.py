"""Calendars as Google and PagerDuty write them, and as somebody would who wishes us ill."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from receiver.decide.rotation import Shift
from receiver.outside.ical import EVENTS, LARGEST, SHIFTS, shifts_in

VIENNA = ZoneInfo("Europe/Vienna")
GOOGLE = """BEGIN:VCALENDAR
PRODID:-//Google Inc//Google Calendar 70.9054//EN
VERSION:2.0
CALSCALE:GREGORIAN
METHOD:PUBLISH
X-WR-CALNAME:On call
X-WR-TIMEZONE:Europe/Vienna
BEGIN:VTIMEZONE
TZID:Europe/Vienna
X-LIC-LOCATION:Europe/Vienna
BEGIN:DAYLIGHT
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
TZNAME:CEST
DTSTART:19700329T020000
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
TZNAME:CET
DTSTART:19701025T030000
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
DTSTART;TZID=Europe/Vienna:20260316T090000
DTEND;TZID=Europe/Vienna:20260323T090000
RRULE:FREQ=WEEKLY;INTERVAL=2
EXDATE;TZID=Europe/Vienna:20260413T090000
DTSTAMP:20260101T000000Z
UID:anna@google.com
STATUS:CONFIRMED
SUMMARY:Anna Smith
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260401
DTEND;VALUE=DATE:20260402
UID:ben@google.com
SUMMARY:ben
END:VEVENT
BEGIN:VEVENT
DTSTART;VALUE=DATE:20260402
DTEND;VALUE=DATE:20260403
UID:off@google.com
STATUS:CANCELLED
SUMMARY:ben
END:VEVENT
END:VCALENDAR
"""
PAGERDUTY = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//PagerDuty//NONSGML On-Call Schedule//EN
X-WR-CALNAME:On Call Schedule for Ben Bell
BEGIN:VEVENT
UID:Q0ABCDEF
DTSTAMP:20260301T000000Z
DTSTART:20260330T080000Z
DTEND:20260406T080000Z
SUMMARY:On Call - Platform
ATTENDEE;CN=Ben Bell:mailto:ben@shop.example
END:VEVENT
END:VCALENDAR
"""


def at(text: str) -> float:
    """UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def read(text: str | bytes) -> tuple[Shift, ...]:
    body = text if isinstance(text, bytes) else text.replace("\n", "\r\n").encode()
    return shifts_in(body, at("2026-03-29"), at("2026-04-29"), VIENNA)


def event(*lines: str, times: int = 1) -> str:
    said = "\n".join(("BEGIN:VEVENT", "SUMMARY:anna", *lines, "UID:{}", "END:VEVENT\n"))
    events = "".join(said.replace("{}", str(number)) for number in range(times))
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{events}END:VCALENDAR\n"


def zoned(rule: str) -> str:
    """In a time zone that changes by that rule."""
    zone = "BEGIN:VTIMEZONE\nTZID:Own/Zone\nBEGIN:STANDARD\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\n"
    zone += f"DTSTART:19700101T000000\nRRULE:{rule}\nEND:STANDARD\nEND:VTIMEZONE\n"
    made = event("DTSTART;TZID=Own/Zone:20260401T090000", "DURATION:PT1H")
    return made.replace("BEGIN:VEVENT", zone + "BEGIN:VEVENT", 1)


def test_a_time_zone_of_its_own_is_followed() -> None:
    assert [one.begin for one in read(zoned("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"))] == [
        at("2026-04-01 07:00")
    ]


def test_googles_weeks_keep_the_wall_clock_over_summer_time_and_leave_out_what_was_cancelled() -> (
    None
):
    assert read(GOOGLE) == (
        # nine in Vienna is seven in UTC since the 29th
        Shift(at("2026-03-30 07:00"), at("2026-04-06 07:00"), ("Anna Smith",)),
        Shift(at("2026-03-31 22:00"), at("2026-04-01 22:00"), ("ben",)),  # a whole day in Vienna
        Shift(at("2026-04-27 07:00"), at("2026-05-04 07:00"), ("Anna Smith",)),
    )


def test_pagerdutys_shift_brings_who_attends() -> None:
    names = ("On Call - Platform", "Ben Bell", "ben@shop.example")
    assert read(PAGERDUTY) == (Shift(at("2026-03-30 08:00"), at("2026-04-06 08:00"), names),)


def test_a_time_without_a_zone_is_on_the_clock_of_the_rotation() -> None:
    found = read(event("DTSTART:20260401T090000", "DURATION:PT1H"))
    assert [(one.begin, one.end) for one in found] == [
        (at("2026-04-01 07:00"), at("2026-04-01 08:00"))
    ]


def test_one_moved_occurrence_of_a_series_is_where_it_was_moved_to() -> None:
    moved = PAGERDUTY.replace("END:VCALENDAR\n", "")
    moved = moved.replace("DTEND:20260406", "RRULE:FREQ=WEEKLY;COUNT=2\nDTEND:20260331")
    moved += "BEGIN:VEVENT\nUID:Q0ABCDEF\nRECURRENCE-ID:20260406T080000Z\nSUMMARY:anna\n"
    moved += "DTSTART:20260408T080000Z\nDTEND:20260409T080000Z\nEND:VEVENT\nEND:VCALENDAR\n"
    begins = [one.begin for one in read(moved)]
    assert begins == [at("2026-03-30 08:00"), at("2026-04-08 08:00")]


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"\xff\xfe\x00B",
        GOOGLE.encode("utf-16"),
        b"<html>sign in</html>",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\n",
        b"a" * (LARGEST + 1),
        event("DTSTART:20260401T090000Z", times=EVENTS + 1),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=SECONDLY"),
        event("DTSTART:19700101T090000Z", "RRULE:FREQ=HOURLY"),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY;BYSECOND=1,2;BYMINUTE=1,2"),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=MONTHLY;BYDAY=53MO"),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=SU"),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY", times=101),
        event("DTSTART:00010101T090000Z", "RRULE:FREQ=DAILY"),
        event("RRULE:FREQ=DAILY"),
        event("DTSTART:20210401T090000Z", "DURATION:P9000D", "RRULE:FREQ=DAILY", times=100),
        event("DTSTART:20260401T090000Z", "RRULE:FREQ=DAILY", "EXRULE:FREQ=SECONDLY"),
        zoned("FREQ=SECONDLY"),
        zoned("FREQ=SEC\n ONDLY"),
        zoned("FREQ=YEARLY;BYSECOND=1,2;BYMINUTE=1,2"),
        zoned("FREQ=YEARLY\nRRULE:FREQ=MINUTELY"),
    ],
)
def test_what_is_hostile_or_no_calendar_is_refused_soon_and_not_quoted(
    hostile: str | bytes,
) -> None:
    began = time.process_time()
    with pytest.raises(ValueError, match=r"it |event") as refused:
        read(hostile)
    assert time.process_time() - began < 10
    assert "anna" not in str(refused.value)


def test_what_is_allowed_at_most_is_read_in_bounded_time_and_kept_in_part() -> None:
    began = time.process_time()
    most = event("DTSTART:20250401T090000Z", "DURATION:PT9H", "RRULE:FREQ=DAILY", times=100)
    assert len(read(most)) == SHIFTS
    assert time.process_time() - began < 20
