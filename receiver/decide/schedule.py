"""What is done again and again without being broken: when, and which of its moments is due.

A moment is named by its time alone, so that whoever looks, and however often, speaks of the same one. What was missed
while nobody looked is made up for once, and only while it is not too late to be useful.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field, JsonValue, field_validator

from prunella.service.settings import Duration, Settings
from prunella.service.units import format_duration
from receiver.decide.by_hand import one_rung
from receiver.decide.incident import SCHEDULED
from receiver.decide.plan import Draft, Name, Rung, Verify
from receiver.decide.reason import Reason

PLAYBOOK = "schedule"
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST = 200


def parse_cron(text: str) -> str:
    """Five fields as in crontab(5), and a moment that comes at least once."""
    if len(text.split()) != 5 or len(text) > _LONGEST or not text.isascii():
        raise ValueError(
            f"{text[:_LONGEST]!r} is not `minute hour day-of-month month day-of-week`, as in 0 */6 * * *"
        )
    try:
        next(CronSim(text, _ANY_TIME))
    except StopIteration:
        raise ValueError(f"{text!r} never comes") from None
    except (CronSimError, ValueError) as error:
        raise ValueError(f"{text!r}: {str(error).lower()}") from None
    return " ".join(text.split())


Cron = Annotated[str, AfterValidator(parse_cron)]


@lru_cache
def zone(name: str) -> tzinfo:
    """The time zone of that name. Raises ValueError."""
    if name == "UTC":
        return UTC  # also where no time zones are installed
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(
            f"there is no time zone {name!r}: say one such as Europe/Berlin, or install tzdata"
        ) from None


def _zone(name: str) -> str:
    zone(name)
    return name


class Schedule(Settings):
    """One action on its targets, at the times of a cron expression."""

    name: Name
    cron: Cron
    action: str
    options: dict[str, JsonValue] = Field(default_factory=dict)
    on: Annotated[tuple[Name, ...], Field(min_length=1)]
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    grace: Annotated[Duration, Field(gt=0)] = 3600.0  # how late it may still begin
    timeout: Annotated[Duration, Field(gt=0)] = 600.0
    notify: tuple[Name, ...] | None = None
    escalate: Name | None = None

    @field_validator("on")
    @classmethod
    def _each_target_once(cls, on: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in on if on.count(name) > 1})
        if twice:
            raise ValueError(f"names {', '.join(twice)} twice: it is done on each target once")
        return on

    @property
    def rhythm(self) -> str:
        """What makes its moments: with another one they are others."""
        return f"{self.name} {self.cron} {self.timezone}"


@dataclass(frozen=True, slots=True)
class Due:
    """What follows from a look: a moment to take now, and one that it is too late for."""

    at: float | None = None
    missed: float | None = None


def moments(schedule: Schedule, after: float) -> Iterator[float]:
    """Its moments after that time, in order, in unix seconds."""
    # whole seconds: as a datetime, the last fraction of one is rounded up into the moment itself
    last, begin = after, datetime.fromtimestamp(math.floor(after), zone(schedule.timezone))
    for moment in CronSim(schedule.cron, begin):
        # in the hour that a clock shows twice the library may give the one before
        if (at := moment.timestamp()) > last:
            last = at
            yield at


def due(schedule: Schedule, since: float, now: float) -> Due:
    """Which moment after `since` is to be taken: the latest, however many there were."""
    if since >= now:
        return Due()
    begin = max(since, now - schedule.grace)
    latest = None
    for at in moments(schedule, begin):
        if at > now:
            break
        latest = at
    first = next(moments(schedule, since), now)
    return Due(latest, first if latest is None and first <= begin else None)


def scheduled_draft(schedule: Schedule, target: str, at: float, proof: Verify) -> Draft:
    """The incident that one moment opens on one target."""
    rung = Rung.model_validate(
        {
            "name": schedule.action,
            "action": schedule.action,
            "options": schedule.options,
            "timeout": format_duration(schedule.timeout),
        }
    )
    plan = one_rung(PLAYBOOK, rung, proof, format_duration(schedule.grace))
    told = None if schedule.notify is None else list(schedule.notify)
    return Draft(
        key=f"{SCHEDULED}{schedule.name}:{at:.0f}:{target}",
        playbook=PLAYBOOK,
        targets=(target,),
        severity="warning",
        title=f"{schedule.action} on {target}, by schedule {schedule.name}"[:300],
        plan={**plan, "notify": told, "escalate": schedule.escalate},
        reason=Reason.SCHEDULED,
    )
