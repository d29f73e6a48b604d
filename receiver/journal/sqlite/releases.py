"""The ledger of releases in SQLite."""

from __future__ import annotations

import sqlite3

from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.releases import NAMES, SERVING, changed, event_of, release_of, values_of
from receiver.journal.sqlite.rows import append

_INSERT = f"INSERT INTO release ({', '.join(NAMES)}) VALUES ({', '.join('?' * len(NAMES))})"  # noqa: S608 - our own names
_UPDATE = f"UPDATE release SET {', '.join(f'{name} = ?' for name in NAMES)} WHERE id = ?"  # noqa: S608 - our own names


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
        number = _write(db, one)
    append(db, now, map(event_of, entry.notes))
    (written,) = db.execute("SELECT * FROM release WHERE id = ?", (number,)).fetchall()
    return release_of(written)


def _write(db: sqlite3.Connection, release: Release) -> int:
    if release.id:
        db.execute(_UPDATE, (*values_of(release), release.id))
        return release.id
    return int(db.execute(_INSERT + " RETURNING id", values_of(release)).fetchone()["id"])
