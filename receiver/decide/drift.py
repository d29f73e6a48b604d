"""How our open alerts and Alertmanager's differ, and what is to be done about it.

Deliveries are at least once per *state at flush*: an alert that fires and resolves while we are away is never sent, a
silenced one never resolves for us. The difference is the only cure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from receiver.decide.episode import is_yet_to_come
from receiver.tools import ActiveAlert

# Alertmanager forgets its alerts when it restarts, until Prometheus sends them again a minute later at most
ABSENT_FOR = 90.0
# Alertmanager repeats itself every four hours if nobody told it otherwise: who cannot ask waits for some of them
UNASKED_FOR = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Held:
    """An alert that we hold to be firing."""

    alert: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Drift:
    """`missed` fire there and not here; `gone` the reverse; `present` are both, with how they are muted.

    `absent` says, for the next time, since when each alert has not been there.
    """

    missed: tuple[ActiveAlert, ...]
    gone: tuple[str, ...]
    present: Mapping[str, str]
    absent: Mapping[str, float]


def compare(
    held: Sequence[Held],
    active: Sequence[ActiveAlert],
    heard_as: Collection[str],
    absent: Mapping[str, float],
    now: float,
    *,
    complete: bool,
) -> Drift:
    """`complete` is False when an Alertmanager did not answer: then nothing counts as absent.

    An alert is missed only if it is routed to us and nobody has silenced it: the others would not have been sent either,
    and one that is yet to begin would not have been believed. As long as we were never called by any name, nobody can
    say what is routed to us, and each may be.
    """
    by_fingerprint = {alert.fingerprint: alert for alert in active}
    ours = {one.fingerprint for one in held}
    present = {
        one.alert: _muted(by_fingerprint[one.fingerprint])
        for one in held
        if one.fingerprint in by_fingerprint
    }
    lacking = [one.alert for one in held if one.alert not in present]
    since = {alert: absent.get(alert, now) for alert in lacking} if complete else dict(absent)
    return Drift(
        missed=tuple(
            alert
            for alert in active
            if alert.fingerprint not in ours
            and not _muted(alert)
            and _may_be_ours(alert, heard_as)
            and not is_yet_to_come(alert.starts_at, now)
        ),
        gone=tuple(alert for alert in lacking if complete and now - since[alert] >= ABSENT_FOR),
        present=present,
        absent=since,
    )


def _may_be_ours(alert: ActiveAlert, heard_as: Collection[str]) -> bool:
    return not heard_as or not alert.receivers or bool(alert.receivers.intersection(heard_as))


def _muted(alert: ActiveAlert) -> str:
    if alert.silenced:
        return "silenced"
    return "inhibited" if alert.inhibited else ""


def forgotten_since(now: float, expire_after: float, *, can_ask: bool) -> float:
    """What was last heard of before this may be given up, once nobody who can be asked knows it any more."""
    return now - (expire_after if can_ask else max(expire_after, UNASKED_FOR))
