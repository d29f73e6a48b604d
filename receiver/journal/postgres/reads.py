"""What people and stages ask; these run on connections of the pool and never wait for a commit."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from receiver.decide.incident import Incident
from receiver.journal import Chain, IncidentAlert, OpenAlert, Page
from receiver.journal.chain import Walk, exported, follow, verdict
from receiver.journal.postgres.retention import anchor
from receiver.journal.postgres.session import Database
from receiver.journal.rows import alert_of, incident_of, open_alert_of, row_id

CHUNK = 500


async def incident(db: Database, number: int) -> Incident | None:
    """One incident, or None."""
    row = await db.fetchrow("SELECT * FROM incident WHERE id = $1", row_id(number))
    return incident_of(row) if row is not None else None


async def these(db: Database, numbers: Collection[int]) -> Mapping[int, Incident]:
    """Those of them that there are."""
    rows = await db.fetch(
        "SELECT * FROM incident WHERE id = ANY($1::bigint[])",
        [row_id(number) for number in numbers],
    )
    return {row["id"]: incident_of(row) for row in rows}


async def incidents(db: Database, page: Page) -> tuple[Incident, ...]:
    """Newest first."""
    rows = await db.fetch(
        "SELECT * FROM incident WHERE ($1::text IS NULL OR state = $1)"
        " AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        *(page.state, None if page.before is None else row_id(page.before), row_id(page.limit)),
    )
    return tuple(incident_of(row) for row in rows)


async def alerts(db: Database, number: int) -> tuple[IncidentAlert, ...]:
    """Every episode of an incident, oldest first."""
    rows = await db.fetch(
        "SELECT e.*, i.annotations AS opening FROM episode e JOIN incident i ON i.id = e.incident"
        " WHERE e.incident = $1 ORDER BY e.id",
        row_id(number),
    )
    return tuple(map(alert_of, rows))


async def open_alerts(db: Database) -> tuple[OpenAlert, ...]:
    """Every alert that we hold to be firing."""
    rows = await db.fetch("SELECT * FROM episode WHERE closed_at IS NULL ORDER BY id")
    return tuple(map(open_alert_of, rows))


async def counts(db: Database) -> Mapping[str, int]:
    """How many incidents are in each state that is not closed."""
    rows = await db.fetch(
        "SELECT state, count(*) AS n FROM incident WHERE resolved_at IS NULL GROUP BY state"
    )
    return {row["state"]: row["n"] for row in rows}


async def next_due(db: Database) -> float | None:
    """When something must be looked at next, by the database's clock."""
    due: float | None = await db.fetchval("SELECT min(due) FROM incident WHERE due IS NOT NULL")
    return due


async def recall(db: Database, key: str) -> str | None:
    """What was kept under this name."""
    value: str | None = await db.fetchval("SELECT value FROM meta WHERE key = $1", key)
    return value


async def export(db: Database, after: int, number: int | None) -> tuple[int, list[str]]:
    """The next rows of the journal as lines, and the seq to go on from."""
    begins = await anchor(db)
    rows = await db.fetch(
        "SELECT * FROM event WHERE seq > $1 AND ($2::bigint IS NULL OR incident = $2)"
        " ORDER BY seq LIMIT $3",
        *(max(after, begins.seq), None if number is None else row_id(number), CHUNK),
    )
    return exported(rows, after, begins if number is None else None)


async def verify(db: Database) -> Chain:
    """Recomputes the chain and names the first row that does not follow; of one moment, whatever goes meanwhile."""
    async with db.transaction(isolation="repeatable_read", readonly=True):
        highest = int(await db.fetchval("SELECT seq FROM chain") or 0)
        walk = Walk(await anchor(db))
        sql = "SELECT * FROM event WHERE seq > $1 ORDER BY seq LIMIT $2"
        after = walk.begins.after
        while rows := await db.fetch(sql, after, CHUNK):
            after = rows[-1]["seq"]
            for row in rows:
                wrong = follow(walk, row)
                if wrong is not None:
                    return wrong
        return verdict(walk, highest)
