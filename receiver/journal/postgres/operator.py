"""What an operator or a schedule begins: maintenance windows, and incidents that no alert opened."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from receiver.decide.episode import manual_episode
from receiver.decide.incident import State
from receiver.decide.maintenance import Window, covered_until
from receiver.decide.plan import Draft
from receiver.journal.by_hand import (
    HANDED_OVER,
    is_scheduled,
    keys_of,
    matchers_json,
    opened_by_hand,
    overlapping,
    tick_of,
    window_ended,
    window_of,
    window_started,
)
from receiver.journal.postgres.retention import tick
from receiver.journal.postgres.rows import digest, plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit
from receiver.journal.rows import row_id


async def open_window(unit: Unit, window: Window, now: float) -> int:
    """Writes it with its audit row and returns its id."""
    number: int = await unit.db.fetchval(
        "INSERT INTO maintenance (matchers, began, until, reason, by) VALUES ($1, $2, $3, $4, $5)"
        " RETURNING id",
        *(matchers_json(window), window.began, window.until),
        *(plain(window.reason), plain(window.by)),
    )
    await unit.append([(now, window_started(window, number))])
    return number


async def close_window(unit: Unit, window: int, by: str, now: float) -> bool:
    """Ends it now and has everything that waits looked at; False when it is over or was never there."""
    done = await unit.db.fetchval(
        "UPDATE maintenance SET until = $1 WHERE id = $2 AND until > $1 RETURNING id",
        *(now, row_id(window)),
    )
    if done is None:
        return False
    await look_at_blocked(unit.db, now)
    await unit.append([(now, window_ended(window, by))])
    return True


async def look_at_blocked(db: Database, now: float) -> None:
    """Has the guards asked again wherever they said no."""
    await db.execute(
        "UPDATE incident SET due = $1"
        " WHERE state = 'BLOCKED' AND owner IS NULL AND resolved_at IS NULL",
        now,
    )


async def windows(db: Database, now: float) -> tuple[Window, ...]:
    """Those that are open or still to come, oldest first."""
    rows = await db.fetch("SELECT * FROM maintenance WHERE until > $1 ORDER BY id", now)
    return tuple(map(window_of, rows))


async def maintained_until(
    db: Database, incident: int, now: float, stands_for: Mapping[str, str] | None
) -> float | None:
    """The Facts.maintenance of an incident: asked where the permission is written."""
    known = await windows(db, now)
    if not known:
        return None
    if stands_for is not None:
        return covered_until(known, [stands_for], now)
    rows = await db.fetch(
        "SELECT labels FROM episode WHERE incident = $1 AND closed_at IS NULL", incident
    )
    return covered_until(known, (json.loads(row["labels"]) for row in rows), now)


async def open_by_hand(unit: Unit, draft: Draft, by: str, now: float) -> int:
    """An incident without an alert, due at once; its episode is named after it."""
    incident: int = await unit.db.fetchval(
        "INSERT INTO incident (key, digest, playbook, state, reason, severity, title, targets, episode,"
        " opened_at, labels, annotations, plan, due)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, '', $9, '{}', '{}', $10, $9) RETURNING id",
        *(plain(draft.key), digest(draft.key), draft.playbook, str(State.OPEN)),
        *(str(draft.reason), draft.severity, plain(draft.title), json.dumps(draft.targets)),
        *(now, json.dumps(draft.plan)),
    )
    episode = manual_episode(incident, now, scheduled=is_scheduled(draft))
    await unit.db.execute("UPDATE incident SET episode = $1 WHERE id = $2", episode, incident)
    await unit.append([(now, opened_by_hand(incident, episode, draft, by))])
    return incident


async def open_scheduled(
    unit: Unit, drafts: Sequence[Draft], schedule: str, at: float, now: float
) -> tuple[int, ...] | None:
    """The moment is taken and its incidents are opened, or neither."""
    if not await tick(unit, tick_of(schedule), at):
        return None
    opened: list[int] = []
    for draft in drafts:
        running = await _running(unit.db, schedule, draft)
        if running is None:
            opened.append(await open_by_hand(unit, draft, f"schedule {schedule}", now))
        else:
            await unit.append([(now, overlapping(schedule, draft, at, running))])
    return tuple(opened)


async def _running(db: Database, schedule: str, draft: Draft) -> int | None:
    number: int | None = await db.fetchval(
        "SELECT id FROM incident WHERE resolved_at IS NULL AND starts_with(key, $1)"
        " AND targets = $2 AND state <> ALL($3)",
        *(keys_of(schedule), json.dumps(draft.targets), [str(one) for one in HANDED_OVER]),
    )
    return number
