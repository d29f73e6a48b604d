"""Whose turn it is: a list of people who take turns, handed over at the same time of day in their own time zone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, Field

from prunella.service.settings import Duration, Settings
from prunella.service.units import at_least
from receiver.decide.hours import ZoneName
from receiver.decide.plan import Name
from receiver.decide.schedule import zone


def _wall_clock(start: datetime) -> datetime:
    if start.tzinfo is not None:
        raise ValueError("is a time on the wall clock of `timezone`: write it without an offset")
    return start


class Rotation(Settings):
    """Members are channels. `start` is when the first one's first turn begins, on the clock of `timezone`."""

    members: Annotated[tuple[Name, ...], Field(min_length=1)]
    start: Annotated[datetime, AfterValidator(_wall_clock)]
    every: Annotated[Duration, at_least("1h")] = 604_800.0
    timezone: ZoneName = "UTC"

    def turn(self, now: float) -> str:
        """Whose turn it is. A week is a week on the wall clock, also when the clocks are changed in it."""
        there = datetime.fromtimestamp(now, zone(self.timezone)).replace(tzinfo=None)
        turns = int((there - self.start).total_seconds() // self.every)
        return self.members[turns % len(self.members)]


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody who stands in; times are unix seconds."""

    member: str
    until: float
    by: str


def on_call(rotation: Rotation, override: Override | None, now: float) -> str:
    """Who is called now. Who is no member any more stands in for nobody."""
    if override is not None and override.until > now and override.member in rotation.members:
        return override.member
    return rotation.turn(now)
