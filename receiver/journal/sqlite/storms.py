"""Whether so many incidents open that it is a storm: seen in the transaction that opens them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from receiver.decide.guards import STORM, storm
from receiver.journal import Reception
from receiver.journal.desk import OpenIncident
from receiver.journal.sqlite.freezes import freeze, thaw


def weather(
    db: sqlite3.Connection, new: Sequence[OpenIncident], reception: Reception, now: float
) -> bool:
    """Freezes everything when a storm begins, and prolongs it while it lasts; whether anybody is told."""
    begun = new[-1].move if new else None
    if begun is None or reception.storm is None:
        return False
    row = db.execute(
        "SELECT opened_at FROM incident ORDER BY id DESC LIMIT 1 OFFSET ?",
        (reception.storm.count - 1,),
    ).fetchone()
    seen = storm(row["opened_at"] if row is not None else None, reception.storm, now)
    if seen is None:
        return False
    lasts = db.execute(
        "UPDATE freeze SET until = max(until, ?) WHERE scope = ? AND until > ?",
        (seen.until, STORM, now),
    ).rowcount
    if lasts:
        return False
    thaw(db, now)
    freeze(db, reception.page(begun.incident, seen), now)
    return True
