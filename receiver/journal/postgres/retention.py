"""What is old goes, a few rows at a time, so that nothing that comes in has to wait for long."""

from __future__ import annotations

from receiver.journal.chain import Anchor, pruned_event
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit

SEALED_MOST = 20_000  # audit rows looked at in one go
# each takes (before, most); the episodes of an incident go before it does
_EPISODES = (
    "DELETE FROM episode WHERE id IN (SELECT id FROM episode WHERE closed_at < $1 AND NOT EXISTS"
    " (SELECT FROM incident i WHERE i.id = episode.incident"
    "  AND (i.resolved_at IS NULL OR i.resolved_at >= $1)) LIMIT $2) RETURNING alert"
)
_INCIDENTS = (
    "DELETE FROM incident WHERE id IN (SELECT id FROM incident i WHERE resolved_at < $1"
    " AND NOT EXISTS (SELECT FROM episode e WHERE e.incident = i.id)"
    " AND NOT EXISTS (SELECT FROM run r WHERE r.incident = i.id AND r.ended_at IS NULL)"
    " LIMIT $2) RETURNING id"
)
_OTHERS = (
    (
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox o WHERE state <> 'pending' AND created < $1"
        " AND NOT EXISTS (SELECT FROM incident i WHERE i.id = o.incident AND i.resolved_at IS NULL) LIMIT $2)"
        " RETURNING 1"
    ),
    "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at < $1 LIMIT $2) RETURNING 1",
    "DELETE FROM ineffective WHERE id IN (SELECT id FROM ineffective WHERE at < $1 LIMIT $2) RETURNING 1",
    "DELETE FROM tick WHERE (name, at) IN (SELECT name, at FROM tick WHERE at < $1 LIMIT $2) RETURNING 1",
    "DELETE FROM withheld WHERE id IN (SELECT id FROM withheld WHERE at < $1 LIMIT $2) RETURNING 1",
    (
        "DELETE FROM refusal WHERE (playbook, step, reason, day) IN (SELECT playbook, step, reason, day FROM refusal"
        " WHERE (day + 1) * 86400.0 < $1 LIMIT $2) RETURNING 1"
    ),
    # a version goes with all its rows, so that none is newer afterwards; what serves, was proven or is bad stays
    (
        "DELETE FROM release WHERE id IN (SELECT id FROM release r WHERE deployed_at < $1 AND NOT EXISTS"
        " (SELECT FROM release o WHERE o.target = r.target AND o.version = r.version AND (o.deployed_at >= $1"
        "  OR o.state IN ('deploying', 'rolled_back', 'quarantined') OR o.restore_point_at IS NOT NULL"
        "  OR o.proven_at IS NOT NULL OR (o.finished_at IS NOT NULL AND o.replaced_at IS NULL))) LIMIT $2)"
        " RETURNING 1"
    ),
)


async def tick(unit: Unit, name: str, at: float) -> bool:
    """Whether this moment is ours; it is nobody's twice."""
    done = await unit.db.fetchval(
        "INSERT INTO tick VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1", plain(name), at
    )
    return done is not None


async def anchor(db: Database) -> Anchor:
    """Where the chain begins."""
    row = await db.fetchrow("SELECT seq, hash FROM anchor")
    assert row is not None  # noqa: S101 - the migration wrote it
    return Anchor(row["seq"], row["hash"])


async def prune(unit: Unit, before: float, most: int, now: float) -> int:
    """One batch; how many rows went."""
    gone = await _episodes(unit.db, before, most) + await _incidents(unit.db, before, most)
    for sql in _OTHERS:
        gone += len(await unit.db.fetch(sql, before, most))
    return gone + await _events(unit, before, most, now)


async def _episodes(db: Database, before: float, most: int) -> int:
    alerts = [row["alert"] for row in await db.fetch(_EPISODES, before, most)]
    await db.execute(
        "DELETE FROM alert a WHERE a.alert = ANY($1::text[])"
        " AND NOT EXISTS (SELECT FROM episode e WHERE e.alert = a.alert AND e.closed_at IS NULL)"
        " AND NOT EXISTS (SELECT FROM episode e WHERE e.alert = a.alert AND e.closed_at IS NOT NULL)",
        alerts,
    )
    return len(alerts)


async def _incidents(db: Database, before: float, most: int) -> int:
    incidents = [row["id"] for row in await db.fetch(_INCIDENTS, before, most)]
    await db.execute("DELETE FROM run WHERE incident = ANY($1::bigint[])", incidents)
    await db.execute("DELETE FROM thread WHERE incident = ANY($1::bigint[])", incidents)
    return len(incidents)


async def _events(unit: Unit, before: float, most: int, now: float) -> int:
    begins = await anchor(unit.db)
    gone = await unit.db.fetch(
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= $1 ORDER BY seq LIMIT $2)"
        " RETURNING 1",
        *(begins.seq, most),
    )
    return len(gone) or await _seal(unit, begins, before, now)


async def _seal(unit: Unit, begins: Anchor, before: float, now: float) -> int:
    """Moves the chain's beginning up to the first row that stays; what lies before it may go then."""
    last = await unit.db.fetchrow(
        "SELECT seq, hash FROM event WHERE seq > $1 AND seq <= $2 AND seq < coalesce("
        "(SELECT seq FROM event WHERE seq > $1 AND seq <= $2 AND t >= $3 ORDER BY seq LIMIT 1), $2 + 1)"
        " ORDER BY seq DESC LIMIT 1",
        *(begins.seq, begins.seq + SEALED_MOST, before),
    )
    if last is None:
        return 0
    await unit.append([(now, pruned_event(Anchor(last["seq"], last["hash"])))])
    await unit.db.execute("UPDATE anchor SET seq = $1, hash = $2", last["seq"], last["hash"])
    return 1  # whoever asks goes on: what lies before it goes next
