"""Reads an iCal calendar as shifts, and refuses what would take for ever: it comes from outside and is expanded here.

The libraries are an optional part (`pip install 'prunella[ical]'`), loaded where a calendar is read. Reading blocks, and
cannot be interrupted: so everything that its time grows with is bounded before, and whoever calls it does so in a thread.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any

from receiver.decide.rotation import Shift

LARGEST = 1 << 20
EVENTS, RULES, RULE_DAYS, SHIFTS = 5000, 100, 200_000, 1000
_NAME, _NAMES = 200, 20
_KEYS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "WKST"}
_FREQUENCIES = {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}
LONGEST = 31 * 86_400.0  # of what repeats
# time zones have rules too, which are expanded while the text is read
_ZONE = re.compile(
    r"^BEGIN:VTIMEZONE\s*$.*?(?:^END:VTIMEZONE\s*$|\Z)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_RULE = re.compile(r"^(?:RRULE|EXRULE)\b[^\r\n]*", re.IGNORECASE | re.MULTILINE)
_ZONES_RULE = re.compile(
    r"RRULE:(?:FREQ=YEARLY|INTERVAL=1|BYMONTH=\d+|BYMONTHDAY=[\d,]+|BYDAY=[+-]?[1-4]?[A-Z]{2}"
    r"|UNTIL=\w+|WKST=[A-Z]{2}|;)+",
    re.IGNORECASE,
)
_FOLD = re.compile(r"\r?\n[ \t]")
_DAY = re.compile(r"[+-]?[1-4]?(?:MO|TU|WE|TH|FR|SA|SU)")


def shifts_in(body: bytes, since: float, until: float, zone: tzinfo) -> tuple[Shift, ...]:
    """Every event that touches that time. Raises ValueError that quotes nothing of the calendar."""
    if len(body) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes: share a calendar of its own")
    if body.upper().count(b"BEGIN:VEVENT") > EVENTS:
        raise ValueError(f"it has more than {EVENTS} events: share a calendar of its own")
    try:
        text = _FOLD.sub("", body.decode("utf-8-sig"))
        _bounded_zones(text)
        calendar = importlib.import_module("icalendar").Calendar.from_ical(text)
        _bounded(calendar, until)
        query = importlib.import_module("recurring_ical_events").of(calendar)
        begin, end = (datetime.fromtimestamp(one, UTC) for one in (since, until))
        found = sorted(_shifts(query.between(begin, end), zone), key=lambda one: one.begin)
    except _Unbounded as error:
        raise ValueError(str(error)) from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # what they raise quotes the calendar, which may name people
        raise ValueError(
            f"it is no iCal calendar that can be read ({type(error).__name__})"
        ) from None
    return tuple(found[:SHIFTS])


class _Unbounded(Exception):
    """A rule that is not followed, in our words."""


def _bounded_zones(text: str) -> None:
    """Refuses rules that are expanded before there is anything to look at."""
    rules = [rule for zone in _ZONE.findall(text) for rule in _RULE.findall(zone)]
    if len(rules) > RULES or not all(map(_ZONES_RULE.fullmatch, rules)):
        raise _Unbounded(
            "it describes a time zone by rules that are not followed: yearly ones only"
        )
    if re.search(r"^EXRULE\b", text, re.IGNORECASE | re.MULTILINE):
        raise _Unbounded("an event repeats but for a rule (EXRULE): that is not followed")


def _bounded(calendar: Any, until: float) -> None:
    """Refuses rules that could be expanded for ever, or without ever coming to an event."""
    rules = days = 0.0
    for event in calendar.walk("VEVENT"):
        said = event.get("RRULE")
        for rule in said if isinstance(said, list) else [said] if said else []:
            rules += 1
            days += max(0.0, until - _unix(event.start, UTC)) / 86400
            _followed(rule)
            if not 0 <= _unix(event.end, UTC) - _unix(event.start, UTC) <= LONGEST:
                raise _Unbounded("an event repeats and lasts longer than a month")
    if rules > RULES or days > RULE_DAYS:
        raise _Unbounded("too many events repeat, or since too long ago: begin their series anew")


def _followed(rule: Any) -> None:
    frequency = str((rule.get("FREQ") or [""])[0]).upper()
    daily_on = frequency == "DAILY" and "BYDAY" in rule
    weekdays = all(_DAY.fullmatch(str(day).upper()) for day in rule.get("BYDAY", ()))
    unknown = {str(key).upper() for key in rule} - _KEYS
    if frequency not in _FREQUENCIES or unknown or not weekdays or daily_on:
        raise _Unbounded(
            "an event repeats in a way that is not followed: only by day, week, month or year,"
            " each with INTERVAL, COUNT, UNTIL, and BYDAY but for days"
        )


def _shifts(events: Any, zone: tzinfo) -> Iterator[Shift]:
    for event in events:
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            continue
        begin, end = _unix(event.start, zone), _unix(event.end, zone)
        if end > begin:
            yield Shift(begin, end, tuple(_names(event)))


def _names(event: Any) -> Iterator[str]:
    yield str(event.get("SUMMARY", ""))[:_NAME]
    said = event.get("ATTENDEE", ())
    attendees = said if isinstance(said, list) else [said] if said else []
    for one in attendees[:_NAMES]:
        yield str(one.params.get("CN", ""))[:_NAME]
        yield re.sub("(?i)^mailto:", "", str(one))[:_NAME]


def _unix(moment: date, zone: tzinfo) -> float:
    """A day begins at midnight, and a time without a zone is meant, on the clock of `zone`."""
    if not isinstance(moment, datetime):
        moment = datetime.combine(moment, time())
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)).timestamp()
