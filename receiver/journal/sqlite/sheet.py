"""What a chunk of deliveries comes to, from what is asked of the database until the rows that are written to it.

All of it is pure, and it is most of what a delivery costs in Python: so it is done where it is in nobody's way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

from receiver.decide.incident import Incident
from receiver.journal import Letter
from receiver.journal.chain import chained
from receiver.journal.chunks import Chunk
from receiver.journal.desk import Alert, Desk, Episode, OpenIncident
from receiver.journal.returns import Healed
from receiver.journal.rows import progress_json, waits
from receiver.journal.spelling import compact

Rows = Sequence[tuple[object, ...]]
_targets = lru_cache(256)(compact)  # thousands of incidents have the same, or none


@dataclass(frozen=True, slots=True)
class Questions:
    """What has to be known: of which alerts, of which incidents' keys, and which of those may have been healed."""

    alerts: Collection[str]
    keys: Collection[str]
    healable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """The answers: rows of alerts with their open episodes and of open incidents, the highest numbers that were given
    away, and the end of the audit chain."""

    alerts: Sequence[sqlite3.Row]
    incidents: Sequence[sqlite3.Row]
    healed: Mapping[str, Healed]
    incident: int
    episode: int
    tail: tuple[int, str]


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows to be written, and the desk on which they were made."""

    desk: Desk
    changed_episodes: Rows
    incidents: Rows
    reopened: Sequence[Incident]
    episodes: Rows
    alerts: Rows
    graver: Rows
    nudged: Sequence[int]
    events: Rows
    letters: Sequence[tuple[int, Letter]]


def questions(chunk: Chunk) -> Questions:
    """What has to be known before a chunk can be judged."""
    drafts = [seen.draft for seen, _, _ in chunk.alerts if seen.draft is not None]
    return Questions(
        dict.fromkeys([seen.observation.alert for seen, _, _ in chunk.alerts]),
        dict.fromkeys([draft.key for draft in drafts]),
        frozenset([draft.key for draft in drafts if draft.playbook]),
    )


def judge(chunk: Chunk, known: Known) -> Sheet:
    """What follows from it."""
    desk = _lay_out(chunk, known)
    chunk.lie_on(desk)
    desk.begin(range(known.incident + 1, known.incident + 1 + len(desk.new)))
    new = [one for one in desk.episodes if not one.id]
    old = [one for one in desk.episodes if one.id]
    desk.texts.spell([one.first for one in new if one.first is not None])
    for one, number in zip(new, count(known.episode + 1), strict=False):
        one.id = number
    return Sheet(
        desk,
        [(one.id, one.starts_at, one.last_seen, one.seen, one.closed_at) for one in old],
        [_incident_row(one, desk) for one in desk.new],
        [one.back for one in desk.opened if one.back is not None],
        [_episode_row(one, desk) for one in new],
        [_alert_row(name, one) for name, one in desk.alerts.items() if one.changed],
        [(one.id, one.severity) for one in desk.incidents.values() if one.graver],
        desk.nudged,
        chained(*known.tail, desk.events()),
        list(desk.letters()),
    )


def _lay_out(chunk: Chunk, known: Known) -> Desk:
    alerts = {seen.observation.alert: Alert() for seen, _, _ in chunk.alerts}
    for row in known.alerts:
        alert = alerts[row["alert"]]
        alert.last_ended, alert.stale_since = row["last_ended"], row["stale_since"]
        if row["id"] is not None:
            alert.open = Episode(row["id"], row["starts_at"], row["last_seen"], row["incident"])
    found: dict[str, OpenIncident] = {}
    if known.incidents:
        drafts = {
            seen.draft.key: seen.draft for seen, _, _ in chunk.alerts if seen.draft is not None
        }
        for row in known.incidents:
            found[row["key"]] = OpenIncident(row["id"], row["severity"], drafts[row["key"]])
    return Desk(alerts, found, healed=dict(known.healed))


def _incident_row(one: OpenIncident, desk: Desk) -> tuple[object, ...]:
    assert one.move is not None  # noqa: S101 - the desk has begun it
    assert one.first is not None  # noqa: S101 - a new one is opened by an observation
    born, due = one.move.incident, one.move.due
    labels, annotations = desk.texts.of(one.first)
    return (
        born.id,
        born.key,
        born.playbook,
        str(born.state),  # sqlite3 searches long for a way to adapt a member of an enumeration
        str(born.reason),
        born.severity,
        born.title,
        _targets(born.targets),
        born.episode,
        born.opened_at,
        labels,
        annotations,
        desk.plan_text(one),
        progress_json(born),
        one.opened_at if due is None else waits(due),
    )


def _episode_row(one: Episode, desk: Desk) -> tuple[object, ...]:
    seen = one.first
    assert seen is not None  # noqa: S101 - a new one is opened by an observation
    labels, annotations = desk.texts_of(one)
    return (
        one.id,
        seen.alert,
        seen.fingerprint,
        labels,
        annotations,
        seen.generator_url,
        one.starts_at,
        one.opened_at,
        one.last_seen,
        one.seen,
        one.closed_at,
        one.incident_id,
    )


def _alert_row(name: str, one: Alert) -> tuple[object, ...]:
    return name, None if one.open is None else one.open.id, one.last_ended, one.stale_since
