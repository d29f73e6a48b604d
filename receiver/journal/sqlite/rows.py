"""The two things that every change appends: audit rows and letters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from receiver.journal import Event, Letter
from receiver.journal.chain import GENESIS, canonical, link


def highest_seq(db: sqlite3.Connection) -> int:
    """The number of the last audit row ever written, be it there or not."""
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'event'").fetchone()
    return int(row["seq"]) if row else 0


def append(db: sqlite3.Connection, now: float, events: Iterable[Event]) -> None:
    """Adds audit rows to the chain."""
    last = db.execute("SELECT hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    seq, digest = highest_seq(db), last["hash"] if last else GENESIS
    for event in events:
        seq += 1
        data = canonical(event.data)
        digest = link(digest, seq, now, event.ev, data)
        db.execute(
            "INSERT INTO event (seq, t, ev, incident, data, hash) VALUES (?, ?, ?, ?, ?, ?)",
            (seq, now, event.ev, event.data.get("incident"), data, digest),
        )


def post(db: sqlite3.Connection, incident: int, now: float, letters: Iterable[Letter]) -> None:
    """Puts letters in the outbox; one with a dedup key that is already there is the same letter."""
    for letter in letters:
        db.execute(
            "INSERT OR IGNORE INTO outbox (incident, channel, event, body, dedup, created, due)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(incident, letter.channel, letter.event, json.dumps(letter.body)),
                *(letter.dedup, now, now),
            ),
        )
