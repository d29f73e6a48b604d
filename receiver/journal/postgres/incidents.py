"""Claims and moves of incidents: every write names the fence it was granted with."""

from __future__ import annotations

import json
from collections.abc import Sequence

from receiver.decide.incident import CLOSED, Incident, ineffective
from receiver.journal import Change, Claim, Conflict, Event, Fenced, Letter, Move
from receiver.journal.postgres.freezes import give_another_chance
from receiver.journal.postgres.intake import close_all, nudge
from receiver.journal.postgres.letters import drop_calls, post
from receiver.journal.postgres.operator import look_at_blocked
from receiver.journal.postgres.returns import wasted
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.trust import take_note
from receiver.journal.postgres.writer import Unit
from receiver.journal.rows import incident_of, paused_words, progress_json, row_id, waits


async def claim(
    db: Database, owner: str, now: float, lease: float, limit: int
) -> tuple[Claim, ...]:
    """Takes what is due and what others are not just changing; also what a dead one held, when its lease is over.

    `due` becomes the end of the lease. The rows are locked first and read then: what closes an episode meanwhile waits
    for the lock and nudges the new owner, so that `firing` is never a lasting mistake. Beside the writer's line, because
    it waits for nobody: a row that is locked is left for the next time.
    """
    async with db.transaction():
        found = await db.fetch(
            "SELECT id FROM incident WHERE due <= moment($1) ORDER BY due, id LIMIT $2"
            " FOR UPDATE SKIP LOCKED",
            *(now, limit),
        )
        if not found:
            return ()
        rows = await db.fetch(
            "UPDATE incident SET owner = $2, fence = fence + 1, due = moment($3) + $4, nudged = false"
            " WHERE id = ANY($1::bigint[]) RETURNING *,"
            " EXISTS (SELECT FROM episode WHERE incident = incident.id AND closed_at IS NULL) AS firing",
            *([row["id"] for row in found], plain(owner), now, lease),
        )
    claims = (Claim(incident_of(row), row["fence"], row["firing"]) for row in rows)
    return tuple(sorted(claims, key=lambda claim: claim.incident.id))


async def renew(unit: Unit, claims: Sequence[Claim], until: float, holder: str) -> frozenset[int]:
    """Prolongs the leases, and our hold on letters that are being sent; returns the ids that are still ours."""
    await unit.db.execute(
        "UPDATE outbox SET held_until = $1 WHERE holder = $2 AND state = 'pending'",
        *(until, holder),
    )
    rows = await unit.db.fetch(
        "UPDATE incident SET due = $1 FROM unnest($2::bigint[], $3::bigint[]) AS held (id, fence)"
        " WHERE incident.id = held.id AND incident.fence = held.fence AND owner IS NOT NULL"
        " RETURNING incident.id",
        until,
        [held.incident.id for held in claims],
        [held.fence for held in claims],
    )
    return frozenset(row["id"] for row in rows)


async def move(unit: Unit, held: Claim, change: Move, now: float) -> None:
    """Writes a move under its fence. Raises Fenced."""
    await write(unit, held.incident, held.fence, change, now)


async def write(unit: Unit, before: Incident, fence: int, change: Move, now: float) -> None:
    """The one statement that changes an incident's state."""
    incident, after = before.id, change.incident
    closed = after.state in CLOSED
    done = await unit.db.fetchval(
        "UPDATE incident SET state = $1, reason = $2, rung = $3, attempt = $4, resolved_at = $5,"
        " progress = $6, owner = CASE WHEN $7 THEN owner END,"
        " due = CASE WHEN $7 THEN due WHEN $8 THEN NULL WHEN nudged THEN $9 ELSE $10 END,"
        " nudged = $7 AND nudged WHERE id = $11 AND fence = $12 RETURNING id",
        *(str(after.state), str(after.reason), after.rung, after.attempt, after.resolved_at),
        *(progress_json(after), change.due is None and not closed, closed, now, waits(change.due)),
        *(incident, fence),
    )
    if done is None:
        raise Fenced(f"incident {incident} was taken over")
    if ineffective(before, after):
        await wasted(unit.db, [after], now)
    if change.over is not None:
        await _require_over(unit.db, incident, change.over)
    if change.closes_episodes:
        await close_all(unit.db, incident, now)
    if closed:
        await drop_calls(unit.db, incident, now)
    await take_note(unit, before, change, now)
    await unit.append([(now, event) for event in change.events])
    await post(unit.db, incident, now, change.letters)


async def _require_over(db: Database, incident: int, over: frozenset[float]) -> None:
    """What fires again since somebody looked is not closed with what was over."""
    rows = await db.fetch(
        "SELECT opened_at FROM episode WHERE incident = $1 AND closed_at IS NULL", incident
    )
    if {row["opened_at"] for row in rows} - over:
        raise Conflict(f"incident {incident} is not over: an alert fires again")


async def command(
    unit: Unit, incident: int, change: Change, now: float, unheard: float | None
) -> Incident:
    """A human's word, or time's: read, decide and write at once.

    Raises Conflict, also when an alert was heard of after `unheard`; and LookupError when there is none.
    """
    row = await unit.db.fetchrow(
        "SELECT *, EXISTS (SELECT FROM run WHERE incident = incident.id AND ended_at IS NULL) AS acting"
        " FROM incident WHERE id = $1 FOR UPDATE",
        row_id(incident),
    )
    if row is None:
        raise LookupError(f"there is no incident {incident}")
    if unheard is not None and await _heard(unit.db, incident, unheard):
        raise Conflict(f"incident {incident} was heard of again")
    before = incident_of(row)
    asked = change(before)
    by = asked.incident.acknowledged_by
    if by != before.acknowledged_by:
        await unit.db.execute(
            "UPDATE incident SET acknowledged_by = $1 WHERE id = $2", by and plain(by), incident
        )
        await drop_calls(unit.db, incident, now)
    if asked.incident.state is before.state and asked.incident.progress == before.progress:
        await unit.append([(now, event) for event in asked.events])
        await post(unit.db, incident, now, asked.letters)
        return asked.incident
    if row["owner"] is not None and row["acting"]:
        raise Conflict(f"incident {incident} has an action under way: ask again when it has ended")
    await unit.db.execute(
        "UPDATE incident SET fence = fence + 1, owner = NULL, nudged = false WHERE id = $1",
        incident,
    )
    await write(unit, before, row["fence"] + 1, asked, now)
    await nudge(unit.db, [incident], now)
    return asked.incident


async def _heard(db: Database, incident: int, since: float) -> bool:
    heard: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM episode WHERE incident = $1 AND closed_at IS NULL AND last_seen > $2)",
        *(incident, since),
    )
    return heard


async def unheard(db: Database, since: float) -> tuple[int, ...]:
    """Open incidents of which no open alert was heard of after `since`."""
    rows = await db.fetch(
        "SELECT incident FROM episode JOIN incident i ON i.id = incident AND i.resolved_at IS NULL"
        " WHERE closed_at IS NULL GROUP BY incident HAVING max(last_seen) <= $1 ORDER BY incident",
        since,
    )
    return tuple(row["incident"] for row in rows)


async def record(
    unit: Unit, events: Sequence[Event], letters: Sequence[Letter], now: float
) -> None:
    """Audit rows and letters that belong to no move."""
    await unit.append([(now, event) for event in events])
    for letter in letters:
        incident = letter.body.get("incident")
        await post(unit.db, incident if isinstance(incident, int) else 0, now, (letter,))


async def remember(unit: Unit, key: str, value: str) -> None:
    """Keeps a value under a name of ours."""
    await unit.db.execute(
        "INSERT INTO meta VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        *(plain(key), plain(value)),
    )


async def pause(unit: Unit, by: str, reason: str, now: float) -> None:
    """Sets the switch for every receiver; it survives restarts."""
    await remember(unit, "paused", json.dumps({"by": by, "reason": reason, "at": now}))
    await unit.append([(now, Event("paused", {"by": by, "reason": reason}))])


async def resume(unit: Unit, by: str, now: float) -> None:
    """Clears the switch, lets stopped playbooks go on, and has everything that waits looked at."""
    await unit.db.execute("DELETE FROM meta WHERE key = 'paused'")
    await give_another_chance(unit, by, now)
    await look_at_blocked(unit.db, now)
    await unit.append([(now, Event("resumed", {"by": by}))])


async def paused(db: Database) -> str | None:
    """Who paused and why, or None."""
    value = await db.fetchval("SELECT value FROM meta WHERE key = 'paused'")
    return None if value is None else paused_words(value)
