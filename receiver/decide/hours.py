"""Quiet hours: a stretch of every day in which only what is critical may wake anybody."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from prunella.service.settings import Settings
from receiver.decide.schedule import zone

_DAY = timedelta(days=1)


def _moment(value: object) -> object:
    """`22:00`; YAML reads that as 1320 when it stands without quotes."""
    if isinstance(value, time):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 24 * 60:
        return time(value // 60, value % 60)
    try:
        return datetime.strptime(str(value), "%H:%M").time()  # noqa: DTZ007 - a time of any day, in the zone beside it
    except ValueError:
        raise ValueError(f'{value!r} is not a time of day: write it as "22:00"') from None


def _zone(name: str) -> str:
    zone(name)
    return name


TimeOfDay = Annotated[
    time, BeforeValidator(_moment), PlainSerializer(lambda at: f"{at:%H:%M}", return_type=str)
]
ZoneName = Annotated[str, AfterValidator(_zone)]


class QuietHours(Settings):
    """From one time of day to another, over midnight if `to` is the earlier one."""

    from_: Annotated[TimeOfDay, Field(alias="from")]
    to: TimeOfDay
    timezone: ZoneName = "UTC"

    @model_validator(mode="after")
    def _some(self) -> QuietHours:
        if self.from_ == self.to:
            raise ValueError("`from` and `to` are the same: say when it is quiet")
        return self

    def until(self, now: float) -> float | None:
        """When the quiet that is now is over; None when it is not quiet."""
        there = datetime.fromtimestamp(now, zone(self.timezone))
        at, over_midnight = there.time(), self.to < self.from_
        quiet = (at >= self.from_ or at < self.to) if over_midnight else self.from_ <= at < self.to
        if not quiet:
            return None
        day = there.date() + (_DAY if at >= self.to else timedelta(0))
        return datetime.combine(day, self.to, there.tzinfo).timestamp()
