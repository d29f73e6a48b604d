"""Quiet hours: a stretch of every day in which only what is critical may wake anybody."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer

from prunella.service.rules import Rule
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

    @Rule
    def _some(self) -> Iterator[str]:
        if self.from_ == self.to:
            yield "`from` and `to` are the same: say when it is quiet"

    def until(self, now: float) -> float | None:
        """When the quiet that is now is over; None when it is not quiet."""
        there = datetime.fromtimestamp(now, zone(self.timezone))
        for day in (there.date() - _DAY, there.date()):
            begin, end = self._of(day, there.tzinfo)
            if begin <= now < end:
                return end
        return None

    def _of(self, day: date, place: tzinfo | None) -> tuple[float, float]:
        """The stretch that begins on that day. An hour that the clock shows twice is one, and quiet to its last end."""
        last = day + (_DAY if self.to < self.from_ else timedelta(0))
        ends = (datetime.combine(last, self.to.replace(fold=fold), place) for fold in (0, 1))
        return (
            datetime.combine(day, self.from_, place).timestamp(),
            max(end.timestamp() for end in ends),
        )
