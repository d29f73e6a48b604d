"""A delivery becomes episodes and incidents, in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence

from receiver.decide.episode import (
    AlertRecord,
    Kind,
    Observation,
    Status,
    Step,
    episode_name,
    observe,
)
from receiver.decide.incident import State
from receiver.decide.plan import Draft, highest
from receiver.journal import Event, Ingested, OpenAlert, Seen
from receiver.journal.sqlite.returns import reopen
from receiver.journal.sqlite.rows import append


def ingest(db: sqlite3.Connection, batch: Sequence[Seen], now: float) -> Ingested:
    """Writes every observation by itself; the order of the delivery is kept."""
    kinds: list[Kind] = []
    opened: list[int] = []
    events: list[Event] = []
    resolved = 0
    for seen in batch:
        observation = seen.observation
        episode, record = _record(db, observation.alert)
        step = observe(record, observation, now)
        kinds.append(step.kind)
        if step.opens:
            events.append(_received(observation))
            events += _open(db, seen, step, now, opened)
        elif step.closes:
            resolved += 1
            events.append(_received(observation))
            close(db, episode, observation.ends_at or now, now)
        else:
            _refresh(db, episode, observation, step, now)
    append(db, now, events)
    return Ingested(tuple(kinds), tuple(opened), resolved)


def close(db: sqlite3.Connection, episode: int | None, ended: float, now: float) -> None:
    """Closes an open episode and has its incident looked at."""
    row = db.execute(
        "UPDATE episode SET closed_at = ? WHERE id = ? RETURNING alert, incident", (now, episode)
    ).fetchone()
    db.execute(
        "UPDATE alert SET open_episode = NULL, last_ended = ? WHERE alert = ?",
        (ended, row["alert"]),
    )
    nudge(db, row["incident"], now)


def nudge(db: sqlite3.Connection, incident: int | None, now: float) -> None:
    """Has an open incident looked at now, or as soon as whoever holds it lets go."""
    db.execute(
        "UPDATE incident SET nudged = owner IS NOT NULL,"
        " due = CASE WHEN owner IS NULL THEN ? ELSE due END WHERE id = ? AND resolved_at IS NULL",
        (now, incident),
    )


def _record(db: sqlite3.Connection, alert: str) -> tuple[int | None, AlertRecord]:
    row = db.execute(
        "SELECT a.open_episode, a.last_ended, a.stale_since, e.starts_at FROM alert a"
        " LEFT JOIN episode e ON e.id = a.open_episode WHERE a.alert = ?",
        (alert,),
    ).fetchone()
    if row is None:
        return None, AlertRecord()
    return row["open_episode"], AlertRecord(row["starts_at"], row["last_ended"], row["stale_since"])


def _received(seen: Observation) -> Event:
    return Event(
        "received",
        {
            "fp": seen.fingerprint,
            "status": str(seen.status),
            "starts": seen.starts_at,
            "ends": seen.ends_at,
            "source": seen.source,
        },
    )


def _open(
    db: sqlite3.Connection, seen: Seen, step: Step, now: float, opened: list[int]
) -> list[Event]:
    observation = seen.observation
    incident: int | None = None
    events: list[Event] = []
    if seen.draft is not None:
        incident, events = _incident(db, seen.draft, observation, now)
        if events:
            opened.append(incident)
    starts_at = observation.starts_at if step.starts_at is None else step.starts_at
    episode = db.execute(
        "INSERT INTO episode (alert, fingerprint, labels, annotations, generator_url, starts_at, opened_at,"
        " last_seen, incident) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(observation.alert, observation.fingerprint, json.dumps(dict(observation.labels))),
            *(json.dumps(dict(observation.annotations)), observation.generator_url),
            *(starts_at, now, now, incident),
        ),
    ).lastrowid
    db.execute(
        "INSERT INTO alert (alert, open_episode) VALUES (?, ?)"
        " ON CONFLICT (alert) DO UPDATE SET open_episode = excluded.open_episode, stale_since = NULL",
        (observation.alert, episode),
    )
    return events


def _incident(
    db: sqlite3.Connection, draft: Draft, seen: Observation, now: float
) -> tuple[int, list[Event]]:
    """The open incident of this key, joined; one that this alert opens again; or a new one. The last two with an event."""
    row = db.execute(
        "SELECT id, severity FROM incident WHERE key = ? AND resolved_at IS NULL", (draft.key,)
    ).fetchone()
    if row is not None:
        graver = highest(row["severity"], draft.severity)
        db.execute("UPDATE incident SET severity = ? WHERE id = ?", (graver, row["id"]))
        nudge(db, row["id"], now)
        return row["id"], []
    back = reopen(db, draft, seen, now)
    if back is not None:
        return back
    episode = episode_name(seen.fingerprint, seen.starts_at)
    incident = db.execute(
        "INSERT INTO incident (key, playbook, state, reason, severity, title, targets, episode, opened_at,"
        " labels, annotations, plan, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(draft.key, draft.playbook, State.OPEN, draft.reason, draft.severity, draft.title),
            *(json.dumps(draft.targets), episode, now, json.dumps(dict(seen.labels))),
            *(json.dumps(dict(seen.annotations)), json.dumps(draft.plan), now),
        ),
    ).lastrowid
    assert incident is not None  # noqa: S101 - an INSERT that returns has a row id
    data = {
        "incident": incident,
        "ep": episode,
        "playbook": draft.playbook,
        "targets": list(draft.targets),
        "severity": draft.severity,
        "alertname": seen.labels.get("alertname", ""),
    }
    return incident, [Event("opened", data)]


def _refresh(
    db: sqlite3.Connection, episode: int | None, seen: Observation, step: Step, now: float
) -> None:
    if episode is not None and seen.status is Status.FIRING:
        db.execute(
            "UPDATE episode SET last_seen = ?, seen = seen + 1, starts_at = ? WHERE id = ?",
            (now, step.starts_at, episode),
        )
    elif step.kind is Kind.STALE and seen.status is Status.FIRING:
        db.execute(
            "UPDATE alert SET stale_since = coalesce(stale_since, ?) WHERE alert = ?",
            (now, seen.alert),
        )
    elif episode is None and seen.status is Status.RESOLVED:
        # whoever said the stale firing has taken it back: it does not vouch for the next one
        db.execute("UPDATE alert SET stale_since = NULL WHERE alert = ?", (seen.alert,))


def close_all(db: sqlite3.Connection, incident: int, now: float) -> None:
    """Closes what is still open of an incident that was seen to be over before Alertmanager said so."""
    rows = db.execute(
        "SELECT id FROM episode WHERE incident = ? AND closed_at IS NULL", (incident,)
    ).fetchall()
    for row in rows:
        close(db, row["id"], now, now)


def open_alerts(db: sqlite3.Connection) -> tuple[OpenAlert, ...]:
    """Every alert that we hold to be firing."""
    rows = db.execute("SELECT * FROM episode WHERE closed_at IS NULL ORDER BY id")
    return tuple(
        OpenAlert(
            source=row["alert"].removesuffix(f":{row['fingerprint']}"),
            fingerprint=row["fingerprint"],
            labels=json.loads(row["labels"]),
            starts_at=row["starts_at"],
            last_seen=row["last_seen"],
            muted=row["muted"],
        )
        for row in rows
    )


def confirm(db: sqlite3.Connection, muted: Mapping[str, str], now: float) -> None:
    """Alertmanager still holds these alerts; a mute that came or went has the incident looked at."""
    for alert, mute in muted.items():
        before = db.execute(
            "SELECT id, muted, incident FROM episode WHERE alert = ? AND closed_at IS NULL",
            (alert,),
        ).fetchone()
        if before is None:
            continue
        db.execute(
            "UPDATE episode SET muted = ?, last_seen = ? WHERE id = ?", (mute, now, before["id"])
        )
        if before["muted"] != mute:
            nudge(db, before["incident"], now)
