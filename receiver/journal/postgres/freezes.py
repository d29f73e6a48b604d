"""Scopes in which nothing is done for a time, by any receiver."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.decide.guards import Freeze
from receiver.journal import Ruling
from receiver.journal.freezes import frozen_event, letters_json, letters_of, thawed_event
from receiver.journal.postgres.letters import post
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit
from receiver.journal.rows import Row


async def frozen(db: Database) -> tuple[Freeze, ...]:
    """Every frozen scope."""
    rows = await db.fetch("SELECT scope, until FROM frozen ORDER BY scope")
    return tuple(Freeze(row["scope"], row["until"]) for row in rows)


async def freeze(unit: Unit, ruling: Ruling, now: float) -> None:
    """Shuts what the ruling shuts; who is second does and tells nothing."""
    shut, incident = ruling.freeze, ruling.move.incident.id
    if shut is None:
        return
    new = await unit.db.fetchval(
        "INSERT INTO frozen (scope, until, incident, letters) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING RETURNING scope",
        *(shut.scope, shut.until, incident, plain(letters_json(ruling.thawed_letters))),
    )
    if new is not None:
        await unit.append([(now, frozen_event(shut))])
        await post(unit.db, incident, now, ruling.frozen_letters)


async def thaw(unit: Unit, now: float) -> tuple[str, ...]:
    """Opens what was shut until now."""
    over = await unit.db.fetch("DELETE FROM frozen WHERE until <= $1 RETURNING *", now)
    return await _told(unit, over, now)


async def give_another_chance(unit: Unit, by: str, now: float) -> None:
    """An operator has looked: playbooks that were stopped go on, and what they failed at is forgotten."""
    over = await unit.db.fetch("DELETE FROM frozen WHERE scope LIKE 'playbook:%' RETURNING *")
    await unit.db.execute("DELETE FROM ineffective")
    await _told(unit, over, now, by)


async def _told(
    unit: Unit, rows: Sequence[Row], now: float, by: str | None = None
) -> tuple[str, ...]:
    for row in rows:
        await unit.append([(now, thawed_event(row["scope"], by))])
        await post(unit.db, row["incident"], now, letters_of(row["letters"], now))
    return tuple(row["scope"] for row in rows)
