"""What did not last or did not help: incidents that are opened again, and the rows that the breaker counts."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from receiver.decide.episode import Observation
from receiver.decide.incident import Incident
from receiver.decide.plan import Draft, highest
from receiver.journal import Event
from receiver.journal.returns import again, reopened_event
from receiver.journal.rows import incident_of, progress_json


def reopen(
    db: sqlite3.Connection, draft: Draft, seen: Observation, now: float
) -> tuple[int, list[Event]] | None:
    """Opens the incident again that this alert shows to have been healed too early, if there is one."""
    row = db.execute(
        "SELECT *, EXISTS (SELECT 1 FROM episode e WHERE e.incident = incident.id AND e.alert = ?) AS had"
        " FROM incident WHERE key = ? AND state = 'RESOLVED' AND reason = 'recovered'"
        " ORDER BY resolved_at DESC LIMIT 1",
        (seen.alert, draft.key),
    ).fetchone()
    healed = incident_of(row) if row is not None and row["had"] else None
    after = again(healed, draft, seen, now) if healed is not None else None
    if after is None:
        return None
    after = replace(after, severity=highest(after.severity, draft.severity))
    _write(db, after, now)
    wasted(db, after, now)
    return after.id, [reopened_event(after, seen)]


def wasted(db: sqlite3.Connection, incident: Incident, now: float) -> None:
    """Counts a repair that was in vain."""
    db.execute(
        "INSERT INTO ineffective (playbook, incident, at) VALUES (?, ?, ?)",
        (incident.playbook, incident.id, now),
    )


def _write(db: sqlite3.Connection, after: Incident, now: float) -> None:
    # nobody holds what is closed; the fence moves on all the same, in case that somebody thinks so
    db.execute(
        "UPDATE incident SET state = ?, reason = ?, severity = ?, episode = ?, attempt = ?, resolved_at = NULL,"
        " acknowledged_by = NULL, progress = ?, due = ?, owner = NULL, fence = fence + 1, nudged = 0"
        " WHERE id = ?",
        (
            *(after.state, after.reason, after.severity, after.episode, after.attempt),
            *(progress_json(after), now, after.id),
        ),
    )
