"""What did not last or did not help: incidents that are opened again, and the rows that the breaker counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence

from receiver.decide.incident import Incident
from receiver.journal.returns import Healed
from receiver.journal.rows import incident_of, progress_json
from receiver.journal.sqlite import bulk


def healed_incidents(
    db: sqlite3.Connection, keys: Sequence[str], alerts: Collection[str]
) -> dict[str, Healed]:
    """By key: what a returning alert may open again."""
    latest = bulk.read(
        db,
        "SELECT *, max(resolved_at) FROM incident WHERE state = 'RESOLVED' AND reason = 'recovered'"
        " AND key IN {rows} GROUP BY key",
        keys,
    )
    return {row["key"]: Healed(incident_of(row), _had(db, row["id"], alerts)) for row in latest}


def _had(db: sqlite3.Connection, incident: int, alerts: Collection[str]) -> frozenset[str]:
    rows = db.execute("SELECT DISTINCT alert FROM episode WHERE incident = ?", (incident,))
    return frozenset(row["alert"] for row in rows if row["alert"] in alerts)


def reopen(db: sqlite3.Connection, after: Incident, now: float) -> None:
    """Writes one that was opened again, and counts its repair as wasted."""
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
    wasted(db, after, now)


def returned(db: sqlite3.Connection, incidents: Sequence[int], now: float) -> None:
    """Notes that what was repaired is broken again."""
    db.executemany(
        "UPDATE run SET returned_at = ? WHERE incident = ? AND verdict = 'recovered'"
        " AND returned_at IS NULL",
        [(now, incident) for incident in incidents],
    )


def wasted(db: sqlite3.Connection, incident: Incident, now: float) -> None:
    """Counts a repair that was in vain."""
    db.execute(
        "INSERT INTO ineffective (playbook, incident, at) VALUES (?, ?, ?)",
        (incident.playbook, incident.id, now),
    )
