"""Whose turn it is: by a list of people who take turns on the wall clock, or by the events of a calendar."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration, Secret, Settings
from prunella.service.units import at_least
from receiver.decide.hours import ZoneName
from receiver.decide.plan import Name
from receiver.decide.schedule import zone
from receiver.endpoints import check_url


def _wall_clock(start: datetime) -> datetime:
    if start.tzinfo is not None:
        raise ValueError("is a time on the wall clock of `timezone`: write it without an offset")
    return start


@dataclass(frozen=True, slots=True)
class Shift:
    """One event of a calendar in unix seconds, and whom it may mean: its summary, then its attendees."""

    begin: float
    end: float
    names: tuple[str, ...]


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _address(secret: Secret) -> Secret:
    if importlib.util.find_spec("recurring_ical_events") is None:
        raise ValueError("needs what reads calendars: pip install 'prunella[ical]'")
    check_url(secret.get_secret_value())
    return secret


class Calendar(Settings):
    """An iCal address; `people` says which member a name in it is, `fallback` who is called when it names nobody."""

    url: Annotated[Secret, AfterValidator(_address)]
    fallback: Name
    people: dict[str, Name] = Field(default_factory=dict)


class Rotation(Settings):
    """Members are channels. `start` is when the first one's first turn begins, on the clock of `timezone`; or `ical`."""

    members: Annotated[tuple[Name, ...], Field(min_length=1)]
    ical: Calendar | None = None
    start: Annotated[datetime, AfterValidator(_wall_clock)] | None = None
    every: Annotated[Duration, at_least("1h")] = 604_800.0
    timezone: ZoneName = "UTC"

    @Rule
    def _one_of_two(self) -> Iterator[str]:
        if is_given(self, "start") is is_given(self, "ical"):
            yield "give either `start`, or `ical`, whose calendar says who is on call"

    def turn(self, now: float, shifts: Iterable[Shift] = ()) -> tuple[str, ...]:
        """Whose turn it is; by a calendar everybody whose event covers now, and without any its fallback."""
        if self.ical is not None:
            return self._on_duty(now, shifts) or (self.ical.fallback,)
        return (self._by_list(now),)

    def _on_duty(self, now: float, shifts: Iterable[Shift]) -> tuple[str, ...]:
        found = (self._member(one) for one in shifts if one.begin <= now < one.end)
        return tuple(dict.fromkeys(name for name in found if name is not None))

    def _member(self, shift: Shift) -> str | None:
        """Who is meant; nobody but a member, whatever the calendar says."""
        people = self.ical.people if self.ical is not None else {}
        known = {name.casefold(): name for name in self.members}
        known.update({_plain(said): name for said, name in people.items()})
        return next((known[name] for said in shift.names if (name := _plain(said)) in known), None)

    def uncovered(self, now: float, shifts: Iterable[Shift]) -> bool:
        """Whether it is a calendar's and nobody whom it knows is on call."""
        return self.ical is not None and not self._on_duty(now, shifts)

    def _by_list(self, now: float) -> str:
        """A week is a week on the wall clock, also when the clocks are changed in it."""
        if self.start is None:
            return self.members[0]
        there = datetime.fromtimestamp(now, zone(self.timezone)).replace(tzinfo=None)
        turns = int((there - self.start).total_seconds() // self.every)
        return self.members[turns % len(self.members)]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody who stands in; times are unix seconds."""

    member: str
    until: float
    by: str


def on_call(
    rotation: Rotation, override: Override | None, now: float, shifts: Iterable[Shift] = ()
) -> tuple[str, ...]:
    """Who is called now. Who is no member any more stands in for nobody."""
    if override is not None and override.until > now and override.member in rotation.members:
        return (override.member,)
    return rotation.turn(now, shifts)
