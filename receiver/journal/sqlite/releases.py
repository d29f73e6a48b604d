"""The ledger of releases and rollbacks in SQLite."""

from __future__ import annotations

import sqlite3

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.releases import (
    BACK_NAMES,
    NAMES,
    SERVING,
    changed,
    event_of,
    release_of,
    rollback_of,
    rollback_values,
    row_of,
    values_of,
)
from receiver.journal.sqlite.rows import append

_INSERT = f"INSERT INTO release ({', '.join(NAMES)}) VALUES ({', '.join('?' * len(NAMES))})"  # noqa: S608 - our own names
_UPDATE = f"UPDATE release SET {', '.join(f'{name} = ?' for name in NAMES)} WHERE id = ?"  # noqa: S608 - our own names

_PLACES = ", ".join("?" * len(BACK_NAMES))
_BEGIN = f"INSERT INTO rollback ({', '.join(BACK_NAMES)}) VALUES ({_PLACES})"  # noqa: S608 - our own names
_GO_ON = f"UPDATE rollback SET {', '.join(f'{name} = ?' for name in BACK_NAMES)} WHERE id = ?"  # noqa: S608 - our own names


def releases(db: sqlite3.Connection, target: str | None) -> tuple[Release, ...]:
    """In the order in which they were entered."""
    rows = db.execute(
        "SELECT * FROM release WHERE ?1 IS NULL OR target = ?1 ORDER BY id", (target,)
    )
    return tuple(map(release_of, rows))


def serving(db: sqlite3.Connection) -> tuple[Release, ...]:
    """What serves on any target, and deploys that nobody ended."""
    return tuple(map(release_of, db.execute(SERVING)))


def enter(db: sqlite3.Connection, target: str, word: Word, now: float) -> Release:
    """The entry that follows, its audit rows, and the release that was spoken of."""
    entry = word(releases(db, target))
    number = entry.release.id
    for one in changed(entry):
        number = write(db, one)
    append(db, now, map(event_of, entry.notes))
    (written,) = db.execute("SELECT * FROM release WHERE id = ?", (number,)).fetchall()
    return release_of(written)


def write(db: sqlite3.Connection, release: Release) -> int:
    """Its row; returns the id."""
    if release.id:
        db.execute(_UPDATE, (*values_of(release), release.id))
        return release.id
    return int(db.execute(_INSERT + " RETURNING id", values_of(release)).fetchone()["id"])


def rollbacks(db: sqlite3.Connection, target: str | None) -> tuple[Rollback, ...]:
    """In the order in which they began."""
    rows = db.execute(
        "SELECT * FROM rollback WHERE ?1 IS NULL OR target = ?1 ORDER BY id", (target,)
    )
    return tuple(map(rollback_of, rows))


def stride(db: sqlite3.Connection, target: str, tread: Tread, now: float) -> Rollback:
    """One step of a rollback with what it does to the ledger."""
    made = tread(releases(db, target), rollbacks(db, target))
    if made.row is None:
        return made.rollback
    for one in made.releases:
        write(db, one)
    values, number = rollback_values(made.rollback), made.rollback.id
    if number:
        db.execute(_GO_ON, (*values, number))
    else:
        number = int(db.execute(_BEGIN + " RETURNING id", values).fetchone()["id"])
    append(db, now, row_of(made))
    (written,) = db.execute("SELECT * FROM rollback WHERE id = ?", (number,)).fetchall()
    return rollback_of(written)
