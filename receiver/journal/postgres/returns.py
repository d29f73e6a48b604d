"""What did not last or did not help: incidents that are opened again, and the rows that the breaker counts."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.decide.incident import Incident
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.returns import Healed
from receiver.journal.rows import incident_of, progress_json


async def healed_incidents(
    db: Database, keys: Sequence[str], alerts: Sequence[str]
) -> dict[str, Healed]:
    """By digest of the key: what a returning alert may open again."""
    if not keys:
        return {}
    rows = await db.fetch(
        "SELECT last.*, ARRAY(SELECT e.alert FROM episode e WHERE e.incident = last.id"
        " AND e.alert = ANY($2::text[])) AS returning_alerts FROM unnest($1::text[]) AS u (sought)"
        " CROSS JOIN LATERAL (SELECT * FROM incident WHERE digest = u.sought AND state = 'RESOLVED'"
        " AND reason = 'recovered' ORDER BY resolved_at DESC LIMIT 1) AS last",
        *(keys, alerts),
    )
    return {
        row["digest"]: Healed(incident_of(row), frozenset(row["returning_alerts"])) for row in rows
    }


async def reopen(db: Database, incidents: Sequence[Incident], now: float) -> None:
    """Writes those that were opened again, and counts their repairs as wasted."""
    for after in incidents:
        # nobody holds what is closed; the fence moves on all the same, in case that somebody thinks so
        await db.execute(
            "UPDATE incident SET state = $1, reason = $2, severity = $3, episode = $4, attempt = $5,"
            " resolved_at = NULL, acknowledged_by = NULL, progress = $6, due = $7, owner = NULL,"
            " fence = fence + 1, nudged = false WHERE id = $8",
            *(str(after.state), str(after.reason), after.severity, plain(after.episode)),
            *(after.attempt, progress_json(after), now, after.id),
        )
    await wasted(db, incidents, now)


async def returned(db: Database, incidents: Sequence[int], now: float) -> None:
    """Notes that what was repaired is broken again."""
    if incidents:
        await db.execute(
            "UPDATE run SET returned_at = $1 WHERE incident = ANY($2::bigint[])"
            " AND verdict = 'recovered' AND returned_at IS NULL",
            *(now, incidents),
        )


async def wasted(db: Database, incidents: Sequence[Incident], now: float) -> None:
    """Counts repairs that were in vain."""
    if incidents:
        await db.execute(
            "INSERT INTO ineffective (playbook, incident, at)"
            " SELECT playbook, incident, $1::double precision"
            " FROM unnest($2::text[], $3::bigint[]) AS u (playbook, incident)",
            *(now, [one.playbook for one in incidents], [one.id for one in incidents]),
        )
