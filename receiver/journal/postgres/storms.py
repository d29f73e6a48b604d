"""Whether so many incidents open that it is a storm: seen in the transaction that opens them."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.decide.guards import STORM, storm
from receiver.journal import Reception
from receiver.journal.desk import OpenIncident
from receiver.journal.postgres.freezes import freeze, thaw
from receiver.journal.postgres.writer import Unit


async def weather(
    unit: Unit, new: Sequence[OpenIncident], reception: Reception, now: float
) -> bool:
    """Freezes everything when a storm begins, and prolongs it while it lasts; whether anybody is told."""
    begun = new[-1].move if new else None
    if begun is None or reception.storm is None:
        return False
    first = await unit.db.fetchval(
        "SELECT opened_at FROM incident ORDER BY id DESC LIMIT 1 OFFSET $1",
        reception.storm.count - 1,
    )
    seen = storm(first, reception.storm, now)
    if seen is None:
        return False
    lasts = await unit.db.fetchval(
        "UPDATE frozen SET until = greatest(until, $1::double precision)"
        " WHERE scope = $2 AND until > $3 RETURNING scope",
        *(seen.until, STORM, now),
    )
    if lasts is not None:
        return False
    await thaw(unit, now)
    await freeze(unit, reception.page(begun.incident, seen), now)
    return True
