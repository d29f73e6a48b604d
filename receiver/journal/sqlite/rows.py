"""Rows to values and back, and the two things that every change appends: audit rows and letters."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import fields

from receiver.decide.incident import Incident, Progress, State
from receiver.decide.reason import Reason
from receiver.journal import Event, Letter, Run
from receiver.journal.chain import GENESIS, canonical, link

LARGEST = (1 << 63) - 1
_PROGRESS = tuple(field.name for field in fields(Progress))


def row_id(number: int) -> int:
    """A number that somebody typed, as SQLite can compare it: none of ours is beyond what it can hold."""
    return max(0, min(number, LARGEST))


def incident_of(row: sqlite3.Row) -> Incident:
    """An incident as its row says."""
    return Incident(
        id=row["id"],
        key=row["key"],
        playbook=row["playbook"],
        state=State(row["state"]),
        reason=Reason(row["reason"]),
        severity=row["severity"],
        title=row["title"],
        targets=tuple(json.loads(row["targets"])),
        episode=row["episode"],
        opened_at=row["opened_at"],
        labels=json.loads(row["labels"]),
        annotations=json.loads(row["annotations"]),
        plan=json.loads(row["plan"]),
        rung=row["rung"],
        attempt=row["attempt"],
        resolved_at=row["resolved_at"],
        acknowledged_by=row["acknowledged_by"],
        progress=progress_of(row["progress"]),
    )


def progress_json(incident: Incident) -> str:
    """What `progress_of` reads back."""
    progress = incident.progress
    return json.dumps({name: getattr(progress, name) for name in _PROGRESS}, separators=(",", ":"))


def progress_of(text: str) -> Progress:
    """What was written, also by a newer or an older program: only the fields that this one knows."""
    known = {field.name for field in fields(Progress)}
    said = {name: value for name, value in json.loads(text).items() if name in known}
    return Progress(**{**said, "refused": tuple(said.get("refused", ()))})


def run_of(row: sqlite3.Row) -> Run:
    """A run as its row says."""
    return Run(
        action_id=row["action_id"],
        incident=row["incident"],
        playbook=row["playbook"],
        episode=row["episode"],
        rung=row["rung"],
        attempt=row["attempt"],
        step=row["step"],
        kind=row["kind"],
        target=row["target"],
        disruptive=bool(row["disruptive"]),
        fence=row["fence"],
        began_at=row["began_at"],
    )


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
