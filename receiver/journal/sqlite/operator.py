"""What an operator or a schedule begins: maintenance windows, and incidents that no alert opened."""

from __future__ import annotations

import json
import sqlite3
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
from receiver.journal.rows import row_id
from receiver.journal.sqlite.retention import tick
from receiver.journal.sqlite.rows import append


def open_window(db: sqlite3.Connection, window: Window, now: float) -> int:
    """Writes it with its audit row and returns its id."""
    row = db.execute(
        "INSERT INTO maintenance (matchers, began, until, reason, by) VALUES (?, ?, ?, ?, ?) RETURNING id",
        (matchers_json(window), window.began, window.until, window.reason, window.by),
    ).fetchone()
    append(db, now, [window_started(window, row["id"])])
    return int(row["id"])


def close_window(db: sqlite3.Connection, window: int, by: str, now: float) -> bool:
    """Ends it now and has everything that waits looked at; False when it is over or was never there."""
    done = db.execute(
        "UPDATE maintenance SET until = ? WHERE id = ? AND until > ?", (now, row_id(window), now)
    )
    if not done.rowcount:
        return False
    db.execute(
        "UPDATE incident SET due = ? WHERE state = 'BLOCKED' AND owner IS NULL AND resolved_at IS NULL",
        (now,),
    )
    append(db, now, [window_ended(window, by)])
    return True


def windows(db: sqlite3.Connection, now: float) -> tuple[Window, ...]:
    """Those that are open or still to come, oldest first."""
    rows = db.execute("SELECT * FROM maintenance WHERE until > ? ORDER BY id", (now,))
    return tuple(map(window_of, rows))


def maintained_until(
    db: sqlite3.Connection, incident: int, now: float, stands_for: Mapping[str, str] | None
) -> float | None:
    """The Facts.maintenance of an incident: asked where the permission is written."""
    known = windows(db, now)
    if not known:
        return None
    if stands_for is not None:
        return covered_until(known, [stands_for], now)
    rows = db.execute(
        "SELECT labels FROM episode WHERE incident = ? AND closed_at IS NULL", (incident,)
    )
    return covered_until(known, (json.loads(row["labels"]) for row in rows), now)


def open_by_hand(db: sqlite3.Connection, draft: Draft, by: str, now: float) -> int:
    """An incident without an alert, due at once; its episode is named after it."""
    row = db.execute(
        "INSERT INTO incident (key, playbook, state, reason, severity, title, targets, episode, opened_at,"
        " labels, annotations, plan, due) VALUES (?, ?, ?, ?, ?, ?, ?, '', ?, '{}', '{}', ?, ?) RETURNING id",
        (
            *(draft.key, draft.playbook, State.OPEN, draft.reason, draft.severity, draft.title),
            *(json.dumps(draft.targets), now, json.dumps(draft.plan), now),
        ),
    ).fetchone()
    incident = int(row["id"])
    episode = manual_episode(incident, now, scheduled=is_scheduled(draft))
    db.execute("UPDATE incident SET episode = ? WHERE id = ?", (episode, incident))
    append(db, now, [opened_by_hand(incident, episode, draft, by)])
    return incident


def open_scheduled(
    db: sqlite3.Connection, drafts: Sequence[Draft], schedule: str, at: float, now: float
) -> tuple[int, ...] | None:
    """The moment is taken and its incidents are opened, or neither."""
    if not tick(db, tick_of(schedule), at):
        return None
    opened: list[int] = []
    for draft in drafts:
        running = _running(db, schedule, draft)
        if running is None:
            opened.append(open_by_hand(db, draft, f"schedule {schedule}", now))
        else:
            append(db, now, [overlapping(schedule, draft, at, running)])
    return tuple(opened)


def _running(db: sqlite3.Connection, schedule: str, draft: Draft) -> int | None:
    begins = keys_of(schedule)
    row = db.execute(
        "SELECT id FROM incident WHERE resolved_at IS NULL AND substr(key, 1, ?) = ?"
        " AND targets = ? AND state NOT IN (?, ?)",
        (len(begins), begins, json.dumps(draft.targets), *HANDED_OVER),
    ).fetchone()
    return None if row is None else int(row["id"])
