"""Scopes in which nothing is done for a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from receiver.decide.guards import Freeze
from receiver.journal import Letter, Ruling
from receiver.journal.freezes import frozen_event, letters_json, letters_of, thawed_event
from receiver.journal.sqlite.letters import post
from receiver.journal.sqlite.rows import append


def frozen(db: sqlite3.Connection) -> tuple[Freeze, ...]:
    """Every frozen scope."""
    rows = db.execute("SELECT scope, until FROM freeze ORDER BY scope")
    return tuple(Freeze(row["scope"], row["until"]) for row in rows)


def freeze(db: sqlite3.Connection, ruling: Ruling, now: float) -> None:
    """Shuts what the ruling shuts; who is second does and tells nothing."""
    shut, incident = ruling.freeze, ruling.move.incident.id
    if shut is None:
        return
    new = db.execute(
        "INSERT OR IGNORE INTO freeze (scope, until, incident, letters) VALUES (?, ?, ?, ?)",
        (shut.scope, shut.until, incident, letters_json(ruling.thawed_letters)),
    ).rowcount
    if new:
        append(db, now, [frozen_event(shut)])
        post(db, incident, now, ruling.frozen_letters)


def thaw(db: sqlite3.Connection, now: float) -> tuple[str, ...]:
    """Opens what was shut until now."""
    over = db.execute("DELETE FROM freeze WHERE until <= ? RETURNING *", (now,)).fetchall()
    return _told(db, over, now)


def give_another_chance(db: sqlite3.Connection, by: str, now: float) -> None:
    """An operator has looked: playbooks that were stopped go on, and what they failed at is forgotten."""
    over = db.execute("DELETE FROM freeze WHERE scope LIKE 'playbook:%' RETURNING *").fetchall()
    db.execute("DELETE FROM ineffective")
    _told(db, over, now, by)


def _told(
    db: sqlite3.Connection, rows: Sequence[sqlite3.Row], now: float, by: str | None = None
) -> tuple[str, ...]:
    for row in rows:
        append(db, now, [thawed_event(row["scope"], by)])
        letters: tuple[Letter, ...] = letters_of(row["letters"], now)
        post(db, row["incident"], now, letters)
    return tuple(row["scope"] for row in rows)
