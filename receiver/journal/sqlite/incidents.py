"""Claims and moves of incidents: every write names the fence it was granted with."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from receiver.decide.incident import CLOSED, Incident, ineffective
from receiver.journal import Change, Claim, Conflict, Event, Fenced, Letter, Move
from receiver.journal.rows import incident_of, paused_words, progress_json, row_id, waits
from receiver.journal.sqlite.freezes import give_another_chance
from receiver.journal.sqlite.intake import close_all, nudge
from receiver.journal.sqlite.letters import drop_calls, post
from receiver.journal.sqlite.returns import wasted
from receiver.journal.sqlite.rows import append
from receiver.journal.sqlite.trust import take_note


def claim(
    db: sqlite3.Connection, owner: str, now: float, lease: float, limit: int
) -> tuple[Claim, ...]:
    """Takes what is due. `due` becomes the end of the lease: one column is timer, back-off and lease."""
    rows = db.execute(
        "UPDATE incident SET owner = ?, fence = fence + 1, due = ?, nudged = 0 WHERE id IN"
        " (SELECT id FROM incident WHERE due <= ? ORDER BY due LIMIT ?) RETURNING *,"
        " EXISTS (SELECT 1 FROM episode WHERE incident = incident.id AND closed_at IS NULL) AS firing",
        (owner, now + lease, now, limit),
    ).fetchall()
    return tuple(Claim(incident_of(row), row["fence"], bool(row["firing"])) for row in rows)


def renew(db: sqlite3.Connection, claims: Sequence[Claim], until: float) -> frozenset[int]:
    """Prolongs the leases; returns the ids that are still ours."""
    kept = set()
    for held in claims:
        done = db.execute(
            "UPDATE incident SET due = ? WHERE id = ? AND fence = ? AND owner IS NOT NULL",
            (until, held.incident.id, held.fence),
        )
        if done.rowcount:
            kept.add(held.incident.id)
    return frozenset(kept)


def take_over(db: sqlite3.Connection, now: float) -> int:
    """At start: nobody else can hold this file, so what is claimed was claimed by a process that died."""
    return db.execute(
        "UPDATE incident SET owner = NULL, due = ?, fence = fence + 1 WHERE owner IS NOT NULL",
        (now,),
    ).rowcount


def move(db: sqlite3.Connection, held: Claim, change: Move, now: float) -> None:
    """Writes a move under its fence. Raises Fenced."""
    write(db, held.incident, held.fence, change, now)


def write(db: sqlite3.Connection, before: Incident, fence: int, change: Move, now: float) -> None:
    """The one statement that changes an incident's state."""
    incident, after = before.id, change.incident
    closed = after.state in CLOSED
    row = db.execute(
        "UPDATE incident SET state = ?, reason = ?, rung = ?, attempt = ?, resolved_at = ?, progress = ?,"
        " owner = CASE WHEN ? THEN owner END,"
        " due = CASE WHEN ? THEN due WHEN ? THEN NULL WHEN nudged THEN ? ELSE ? END,"
        " nudged = CASE WHEN ? THEN nudged ELSE 0 END"
        " WHERE id = ? AND fence = ? RETURNING id",
        (
            *(after.state, after.reason, after.rung, after.attempt, after.resolved_at),
            *(progress_json(after), _keeps(change, closed=closed), _keeps(change, closed=closed)),
            *(closed, now, waits(change.due), _keeps(change, closed=closed), incident, fence),
        ),
    ).fetchone()
    if row is None:
        raise Fenced(f"incident {incident} was taken over")
    if ineffective(before, after):
        wasted(db, after, now)
    if change.over is not None:
        _require_over(db, incident, change.over)
    if change.closes_episodes:
        close_all(db, incident, now)
    if closed:
        drop_calls(db, incident)
    take_note(db, before, change, now)
    append(db, now, change.events)
    post(db, incident, now, change.letters)


def _require_over(db: sqlite3.Connection, incident: int, over: frozenset[float]) -> None:
    """What fires again since somebody looked is not closed with what was over."""
    rows = db.execute(
        "SELECT opened_at FROM episode WHERE incident = ? AND closed_at IS NULL", (incident,)
    )
    if {row["opened_at"] for row in rows} - over:
        raise Conflict(f"incident {incident} is not over: an alert fires again")


def _keeps(change: Move, *, closed: bool) -> bool:
    return change.due is None and not closed


def command(
    db: sqlite3.Connection, incident: int, change: Change, now: float, unheard: float | None
) -> Incident:
    """A human's word, or time's: read, decide and write at once.

    Raises Conflict, also when an alert was heard of after `unheard`; and LookupError when there is none.
    """
    row = db.execute("SELECT * FROM incident WHERE id = ?", (row_id(incident),)).fetchone()
    if row is None:
        raise LookupError(f"there is no incident {incident}")
    if unheard is not None and _heard(db, incident, unheard):
        raise Conflict(f"incident {incident} was heard of again")
    before = incident_of(row)
    asked = change(before)
    by = asked.incident.acknowledged_by
    if by != before.acknowledged_by:
        db.execute("UPDATE incident SET acknowledged_by = ? WHERE id = ?", (by, incident))
        drop_calls(db, incident)
    if asked.incident.state is before.state and asked.incident.progress == before.progress:
        append(db, now, asked.events)
        post(db, incident, now, asked.letters)
        return asked.incident
    if (
        row["owner"] is not None
        and db.execute(
            "SELECT 1 FROM run WHERE incident = ? AND ended_at IS NULL", (incident,)
        ).fetchone()
    ):
        raise Conflict(f"incident {incident} has an action under way: ask again when it has ended")
    db.execute(
        "UPDATE incident SET fence = fence + 1, owner = NULL, nudged = 0 WHERE id = ?", (incident,)
    )
    write(db, before, row["fence"] + 1, asked, now)
    nudge(db, [incident], now)
    return asked.incident


def _heard(db: sqlite3.Connection, incident: int, since: float) -> bool:
    sql = "SELECT 1 FROM episode WHERE incident = ? AND closed_at IS NULL AND last_seen > ?"
    return db.execute(sql, (incident, since)).fetchone() is not None


def unheard(db: sqlite3.Connection, since: float) -> tuple[int, ...]:
    """Open incidents of which no open alert was heard of after `since`."""
    rows = db.execute(
        "SELECT incident FROM episode JOIN incident i ON i.id = incident AND i.resolved_at IS NULL"
        " WHERE closed_at IS NULL GROUP BY incident HAVING max(last_seen) <= ? ORDER BY incident",
        (since,),
    )
    return tuple(row["incident"] for row in rows)


def record(
    db: sqlite3.Connection, events: Sequence[Event], letters: Sequence[Letter], now: float
) -> None:
    """Audit rows and letters that belong to no move."""
    append(db, now, events)
    for letter in letters:
        incident = letter.body.get("incident")
        post(db, incident if isinstance(incident, int) else 0, now, (letter,))


def pause(db: sqlite3.Connection, by: str, reason: str, now: float) -> None:
    """Sets the switch; it survives restarts."""
    value = json.dumps({"by": by, "reason": reason, "at": now})
    db.execute("INSERT OR REPLACE INTO meta VALUES ('paused', ?)", (value,))
    append(db, now, [Event("paused", {"by": by, "reason": reason})])


def resume(db: sqlite3.Connection, by: str, now: float) -> None:
    """Clears the switch, lets stopped playbooks go on, and has everything that waits looked at."""
    db.execute("DELETE FROM meta WHERE key = 'paused'")
    give_another_chance(db, by, now)
    db.execute(
        "UPDATE incident SET due = ? WHERE state = 'BLOCKED' AND owner IS NULL AND resolved_at IS NULL",
        (now,),
    )
    append(db, now, [Event("resumed", {"by": by})])


def paused(db: sqlite3.Connection) -> str | None:
    """Who paused and why, or None."""
    row = db.execute("SELECT value FROM meta WHERE key = 'paused'").fetchone()
    return None if row is None else paused_words(row["value"])
