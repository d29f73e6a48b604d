"""When an alert begins and ends, from deliveries that repeat, overtake each other and lie.

Alertmanager keeps the earliest `startsAt` when replicas disagree and may send a firing after the resolve, so neither
field alone names an episode: an episode is open from the first firing until a resolve that is not older than it.
Times are Alertmanager's own and are compared only with each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

from prunella.service.units import format_duration

STALE_GRACE = 300.0
# So far two honest clocks may be apart (five minutes each, which is what Kerberos allows), or a delivery be on its way.
OVERDUE = 600.0
# Not only clocks: Alertmanager takes the end for the start of an alert that was raised with an end alone, for hours
# perhaps (`amtool alert add --end`). Such a start decides nothing, see `by_now`.
AHEAD = 24 * 3600.0


class Status(StrEnum):
    """Alertmanager's word for one alert; the root status of a delivery is never used."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Observation(Struct, frozen=True, gc=False):
    """One alert as one delivery (or a reconcile) showed it; times in unix seconds."""

    source: str
    fingerprint: str
    status: Status
    starts_at: float
    ends_at: float | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str] = field(default_factory=dict)
    generator_url: str = ""
    confirmed: bool = False  # read from Alertmanager's API just now, not from a delivery
    as_of: float = float("inf")  # when that Alertmanager itself was last told of it

    @property
    def alert(self) -> str:
        """The alert's identity: who told us, and the hash of its labels."""
        return f"{self.source}:{self.fingerprint}"


class AlertRecord(Struct, frozen=True, gc=False):
    """What the journal remembers of one alert: its open episode if any, and how the last one ended."""

    open_since: float | None = None
    last_ended: float | None = None
    stale_since: float | None = None  # when a firing older than the last end was first received


class Kind(StrEnum):
    """What an observation changes; the same words label `prunella_alerts_total{kind}`."""

    NEW = "new"
    REPEAT = "repeat"
    STALE = "stale"


class Step(Struct, frozen=True, gc=False):
    """The change to write. `opens` and `closes` are never both true; `starts_at` is the episode's, after min()."""

    kind: Kind
    opens: bool = False
    closes: bool = False
    starts_at: float | None = None


def observe(record: AlertRecord, seen: Observation, now: float) -> Step:
    """The one change that `seen` makes to an alert's record."""
    if seen.status is Status.RESOLVED:
        return _resolved(record, seen)
    if record.open_since is not None:
        return Step(Kind.REPEAT, starts_at=min(record.open_since, seen.starts_at))
    if record.last_ended is None or seen.starts_at > record.last_ended:
        return _opened(seen, now)
    # one that is cut off goes on about what has ended
    if seen.confirmed and seen.as_of > record.last_ended:
        return _opened(seen, now)
    if record.stale_since is not None and now - record.stale_since >= STALE_GRACE:
        # nobody could confirm it, but it has been said for too long to be a straggler: never lose a true one
        return _opened(seen, now)
    return Step(Kind.STALE)


def _opened(seen: Observation, now: float) -> Step:
    return Step(Kind.NEW, opens=True, starts_at=by_now(seen.starts_at, now))


def _resolved(record: AlertRecord, seen: Observation) -> Step:
    if record.open_since is None:
        return Step(Kind.REPEAT)
    if seen.ends_at is not None and seen.ends_at < record.open_since:
        return Step(Kind.STALE)  # the end of an earlier episode, overtaken on its way
    return Step(Kind.NEW, closes=True)


def contradiction(seen: Observation, now: float) -> str:
    """Why it cannot fire, whoever says so, or nothing. That something is over is believed of anybody: then nothing is done."""
    if seen.status is Status.RESOLVED:
        return ""
    if is_yet_to_come(seen.starts_at, now):
        return f"it fires, and begins in {format_duration(round(seen.starts_at - now))}"
    if seen.ends_at is not None and now - seen.ends_at > OVERDUE:
        return f"it fires, and was over {format_duration(round(now - seen.ends_at))} ago"
    return ""


def by_now(at: float, now: float) -> float:
    """When it was, of what has been: a moment further ahead than clocks are apart is no later than it was heard of."""
    return now if at - now > OVERDUE else at


def is_yet_to_come(at: float, now: float) -> bool:
    """Whether what is said to have happened then cannot have happened, with no clock so wrong."""
    return at - now > AHEAD


def episode_name(fingerprint: str, starts_at: float) -> str:
    """The public name of an episode, as programs see it in PRUNELLA_EPISODE."""
    return f"{fingerprint}@{int(starts_at)}"


def manual_episode(incident: int, opened_at: float, *, scheduled: bool = False) -> str:
    """The same for an incident that an operator or a schedule opened: there is no alert to name it after."""
    return f"{'schedule' if scheduled else 'manual'}-{incident}@{int(opened_at)}"
