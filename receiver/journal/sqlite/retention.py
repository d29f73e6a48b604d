"""What is old goes, a few rows at a time, so that nothing that comes in has to wait for long."""

from __future__ import annotations

import sqlite3

from receiver.journal.chain import Anchor, pruned_event
from receiver.journal.sqlite.rows import append

SEALED_MOST = 20_000  # audit rows looked at in one go
PAGES = 256  # given back in one go
# each takes (before, most); the episodes of an incident go before it does
_EPISODES = (
    "DELETE FROM episode WHERE id IN (SELECT id FROM episode WHERE closed_at < ?1 AND NOT EXISTS"
    " (SELECT 1 FROM incident i WHERE i.id = episode.incident"
    "  AND (i.resolved_at IS NULL OR i.resolved_at >= ?1)) LIMIT ?2) RETURNING alert"
)
_INCIDENTS = (
    "DELETE FROM incident WHERE id IN (SELECT id FROM incident i WHERE resolved_at < ?1"
    " AND NOT EXISTS (SELECT 1 FROM episode e WHERE e.incident = i.id)"
    " AND NOT EXISTS (SELECT 1 FROM run r WHERE r.incident = i.id AND r.ended_at IS NULL)"
    " LIMIT ?2) RETURNING id"
)
_OTHERS = (
    (
        "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox o WHERE state <> 'pending' AND created < ?1"
        " AND NOT EXISTS (SELECT 1 FROM incident i WHERE i.id = o.incident AND i.resolved_at IS NULL) LIMIT ?2)"
    ),
    "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM ineffective WHERE id IN (SELECT id FROM ineffective WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM tick WHERE (name, at) IN (SELECT name, at FROM tick WHERE at < ?1 LIMIT ?2)",
    "DELETE FROM withheld WHERE id IN (SELECT id FROM withheld WHERE at < ?1 LIMIT ?2)",
    (
        "DELETE FROM refusal WHERE (playbook, step, reason, day) IN (SELECT playbook, step, reason, day FROM refusal"
        " WHERE (day + 1) * 86400.0 < ?1 LIMIT ?2)"
    ),
    # a version goes with all its rows, so that none is newer afterwards; what serves, was proven or is bad stays
    (
        "DELETE FROM release WHERE id IN (SELECT id FROM release r WHERE deployed_at < ?1 AND NOT EXISTS"
        " (SELECT 1 FROM release o WHERE o.target = r.target AND o.version = r.version AND (o.deployed_at >= ?1"
        "  OR o.state IN ('deploying', 'rolled_back', 'quarantined') OR o.restore_point_at IS NOT NULL"
        "  OR o.proven_at IS NOT NULL OR (o.finished_at IS NOT NULL AND o.replaced_at IS NULL))) LIMIT ?2)"
    ),
)


def tick(db: sqlite3.Connection, name: str, at: float) -> bool:
    """Whether this moment is ours; it is nobody's twice."""
    return db.execute("INSERT OR IGNORE INTO tick VALUES (?, ?)", (name, at)).rowcount > 0


def anchor(db: sqlite3.Connection) -> Anchor:
    """Where the chain begins."""
    row = db.execute("SELECT seq, hash FROM anchor").fetchone()
    return Anchor(row["seq"], row["hash"])


def prune(db: sqlite3.Connection, before: float, most: int, now: float) -> int:
    """One batch; how many rows went."""
    gone = _episodes(db, before, most) + _incidents(db, before, most)
    gone += sum(db.execute(sql, (before, most)).rowcount for sql in _OTHERS)
    return gone + _events(db, before, most, now)


def compact(db: sqlite3.Connection) -> int:
    """Gives free pages back to the file system; how many."""
    free: int = min(PAGES, db.execute("PRAGMA freelist_count").fetchone()[0])
    for _ in range(free):  # one each: the driver takes the first step of this statement only
        db.execute("PRAGMA incremental_vacuum(1)")
    return free


def _episodes(db: sqlite3.Connection, before: float, most: int) -> int:
    alerts = [row["alert"] for row in db.execute(_EPISODES, (before, most)).fetchall()]
    db.executemany(
        "DELETE FROM alert WHERE alert = ?1"
        " AND NOT EXISTS (SELECT 1 FROM episode WHERE alert = ?1 AND closed_at IS NULL)"
        " AND NOT EXISTS (SELECT 1 FROM episode WHERE alert = ?1 AND closed_at IS NOT NULL)",
        [(alert,) for alert in sorted(set(alerts))],
    )
    return len(alerts)


def _incidents(db: sqlite3.Connection, before: float, most: int) -> int:
    incidents = [(row["id"],) for row in db.execute(_INCIDENTS, (before, most)).fetchall()]
    db.executemany("DELETE FROM run WHERE incident = ?", incidents)
    db.executemany("DELETE FROM thread WHERE incident = ?", incidents)
    return len(incidents)


def _events(db: sqlite3.Connection, before: float, most: int, now: float) -> int:
    sql = (
        "DELETE FROM event WHERE seq IN (SELECT seq FROM event WHERE seq <= ? ORDER BY seq LIMIT ?)"
    )
    begins = anchor(db)
    gone = db.execute(sql, (begins.seq, most)).rowcount
    return gone or _seal(db, begins, before, now)


def _seal(db: sqlite3.Connection, begins: Anchor, before: float, now: float) -> int:
    """Moves the chain's beginning up to the first row that stays; what lies before it may go then."""
    row = db.execute(
        "SELECT max(seq) AS last FROM event WHERE seq > ?1 AND seq <= ?2 AND seq < coalesce("
        "(SELECT seq FROM event WHERE seq > ?1 AND seq <= ?2 AND t >= ?3 ORDER BY seq LIMIT 1), ?2 + 1)",
        (begins.seq, begins.seq + SEALED_MOST, before),
    ).fetchone()
    if row["last"] is None:
        return 0
    last = db.execute("SELECT seq, hash FROM event WHERE seq = ?", (row["last"],)).fetchone()
    append(db, now, [pruned_event(Anchor(last["seq"], last["hash"]))])
    db.execute("UPDATE anchor SET seq = ?, hash = ?", (last["seq"], last["hash"]))
    return 1  # whoever asks goes on: what lies before it goes next
