"""What people and stages ask; these run on the reader's connection and never wait for a commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping

from receiver.decide.incident import CLOSED, Incident
from receiver.journal import Chain, IncidentAlert, Page
from receiver.journal.chain import Walk, exported, follow, verdict
from receiver.journal.rows import alert_of, incident_of, row_id
from receiver.journal.sqlite.retention import anchor
from receiver.journal.sqlite.rows import highest_seq

CHUNK = 500

ROWS = "SELECT * FROM event WHERE seq > ? ORDER BY seq LIMIT ?"
# one statement for both would have SQLite look at every row for an incident's few
ROWS_OF_ONE = "SELECT * FROM event WHERE seq > ? AND incident = ? ORDER BY seq LIMIT ?"
# by the states, which are all in one index; `resolved_at` would have SQLite look at every row of the table
COUNTS = "SELECT state, count(*) AS n FROM incident WHERE state NOT IN (?, ?) GROUP BY state"


def incident(db: sqlite3.Connection, number: int) -> Incident | None:
    """One incident, or None."""
    row = db.execute("SELECT * FROM incident WHERE id = ?", (row_id(number),)).fetchone()
    return incident_of(row) if row is not None else None


def these(db: sqlite3.Connection, numbers: Collection[int]) -> Mapping[int, Incident]:
    """Those of them that there are."""
    places = ", ".join("?" * len(numbers))
    rows = db.execute(
        f"SELECT * FROM incident WHERE id IN ({places})",  # noqa: S608 - question marks only
        [row_id(number) for number in numbers],
    )
    return {row["id"]: incident_of(row) for row in rows}


def incidents(db: sqlite3.Connection, page: Page) -> tuple[Incident, ...]:
    """Newest first."""
    before = None if page.before is None else row_id(page.before)
    rows = db.execute(
        "SELECT * FROM incident WHERE (? IS NULL OR state = ?) AND (? IS NULL OR id < ?)"
        " ORDER BY id DESC LIMIT ?",
        (page.state, page.state, before, before, row_id(page.limit)),
    )
    return tuple(incident_of(row) for row in rows)


def alerts(db: sqlite3.Connection, number: int) -> tuple[IncidentAlert, ...]:
    """Every episode of an incident, oldest first."""
    rows = db.execute(
        "SELECT e.*, i.annotations AS opening FROM episode e JOIN incident i ON i.id = e.incident"
        " WHERE e.incident = ? ORDER BY e.id",
        (row_id(number),),
    )
    return tuple(map(alert_of, rows))


def counts(db: sqlite3.Connection) -> Mapping[str, int]:
    """How many incidents are in each state that is not closed."""
    return {row["state"]: row["n"] for row in db.execute(COUNTS, (*CLOSED,))}


def next_due(db: sqlite3.Connection) -> float | None:
    """When something must be looked at next."""
    due = db.execute("SELECT min(due) FROM incident WHERE due IS NOT NULL").fetchone()[0]
    return float(due) if due is not None else None


def export(db: sqlite3.Connection, after: int, number: int | None) -> tuple[int, list[str]]:
    """The next rows of the journal as lines, and the seq to go on from."""
    begins = anchor(db)
    whose = () if number is None else (row_id(number),)
    rows = db.execute(
        ROWS if number is None else ROWS_OF_ONE, (max(after, begins.seq), *whose, CHUNK)
    ).fetchall()
    return exported(rows, after, begins if number is None else None)


def verify(db: sqlite3.Connection) -> Chain:
    """Recomputes the chain and names the first row that does not follow."""
    highest = highest_seq(db)  # read first: rows written meanwhile are then no surprise
    walk = Walk(anchor(db))
    for row in db.execute("SELECT * FROM event WHERE seq > ? ORDER BY seq", (walk.begins.after,)):
        wrong = follow(walk, row)
        if wrong is not None:
            return wrong
    return verdict(walk, highest)
