"""What every change appends: audit rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from receiver.journal import Event
from receiver.journal.chain import GENESIS, chained
from receiver.journal.sqlite import bulk


def highest_seq(db: sqlite3.Connection) -> int:
    """The number of the last audit row ever written, be it there or not."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return int(row["seq"]) if row else 0


def append(db: sqlite3.Connection, now: float, events: Iterable[Event]) -> None:
    """Adds audit rows to the chain."""
    append_all(db, ((now, event) for event in events))


def append_all(db: sqlite3.Connection, events: Iterable[tuple[float, Event]]) -> None:
    """The same for rows that happened at several moments."""
    write_events(db, chained(*end_of_chain(db), events))


def end_of_chain(db: sqlite3.Connection) -> tuple[int, str]:
    """The number and the hash of the last row."""
    last = db.execute("SELECT hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return highest_seq(db), last["hash"] if last else GENESIS


def write_events(db: sqlite3.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Rows as `chained` makes them."""
    bulk.write(db, "INSERT INTO event (seq, t, ev, incident, data, hash) VALUES {rows}", rows)


def numbered(values: Sequence[object]) -> dict[str, object]:
    """As `$1`, `$2` … take them in statements that both engines read: to SQLite those are names."""
    return {str(place): value for place, value in enumerate(values, 1)}
