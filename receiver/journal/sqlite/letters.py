"""Letters into the outbox: one by one, or counted in the minute's digest when a channel gets too many."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace

from receiver.journal.box import EVERY, Alone, Box, Digest, box_of
from receiver.journal.mail import CALL, DIGEST, PENDING_MOST, STOOD_IN, Letter, Scope, by_channel
from receiver.journal.sqlite import bulk


def post(db: sqlite3.Connection, incident: int, now: float, letters: Iterable[Letter]) -> None:
    """Puts one incident's letters in the outbox."""
    post_all(db, now, [(incident, letter) for letter in letters])


def post_all(
    db: sqlite3.Connection, now: float, letters: Sequence[tuple[int, Letter]], *, new: bool = False
) -> bool:
    """Whether any is to be sent now. One whose dedup key is already there is the same letter; `new` incidents have
    been told of nowhere yet."""
    at_once = False
    for channel, mine in by_channel(letters).items():
        box = _box(db, channel, now)
        if not new:
            box.told |= _told(db, channel, {incident for incident, _ in mine})
            box.stood_in |= _stood_in(db, channel, {n for n, letter in mine if letter.stood_in})
        for incident, letter in mine:
            box.put(incident, letter)
        for digest in box.filled:
            _fill(db, channel, digest, now)
        _write(db, [_newest(db, one) for one in box.alone], now)
        _hurry(db, channel, box.hurried)
        at_once = at_once or bool(box.alone)
    return at_once


def _newest(db: sqlite3.Connection, one: Alone) -> Alone:
    """A call is sent instead of older ones that were not; for how long it is tried counts from the first of them."""
    if not one.letter.call:
        return one
    rows = db.execute(
        "UPDATE outbox SET state = 'dropped', error = 'replaced by a newer call'"
        " WHERE incident = ? AND channel = ? AND state = 'pending' AND event = 'escalated'"
        " AND instr(dedup, ?) AND dedup <> ? RETURNING created",
        (one.incident, one.letter.channel, CALL, one.letter.dedup),
    ).fetchall()
    return replace(one, since=min((row["created"] for row in rows), default=None))


def _hurry(db: sqlite3.Connection, channel: str, incidents: set[int]) -> None:
    """What goes out before a call or a question waits for no digest either."""
    for incident in incidents:
        db.execute(
            "UPDATE outbox SET after = NULL"
            " WHERE channel = ? AND incident = ? AND state = 'pending' AND after IS NOT NULL",
            (channel, incident),
        )


def drop_calls(db: sqlite3.Connection, incident: int) -> None:
    """Nobody needs to be called any more."""
    db.execute(
        "UPDATE outbox SET state = 'dropped', error = 'acknowledged or over before it was sent'"
        " WHERE incident = ? AND state = 'pending' AND event = 'escalated' AND instr(dedup, ?)",
        (incident, CALL),
    )


def _box(db: sqlite3.Connection, channel: str, now: float) -> Box:
    rows = db.execute(
        "SELECT id, incident, body, state, due, open AND due > ? AS open, created > ? AS recent FROM outbox"
        " WHERE channel = ? AND event = 'digest' AND created > ? AND (state = 'pending' OR created > ?)"
        " ORDER BY id",
        (now, now - 2 * EVERY, channel, now - PENDING_MOST, now - 2 * EVERY),
    ).fetchall()
    alone = db.execute(
        "SELECT count(*) AS letters, count(*) FILTER (WHERE event = 'escalated') AS escalated"
        " FROM outbox WHERE channel = ? AND created > ? AND event <> 'digest'",
        (channel, now - EVERY),
    ).fetchone()
    return box_of(alone, rows)


def _told(db: sqlite3.Connection, channel: str, incidents: set[int]) -> set[int]:
    return {
        incident
        for incident in incidents
        if db.execute(
            "SELECT 1 FROM outbox WHERE channel = ? AND incident = ? AND event <> 'digest' LIMIT 1",
            (channel, incident),
        ).fetchone()
    }


def _stood_in(db: sqlite3.Connection, channel: str, incidents: set[int]) -> set[tuple[int, Scope]]:
    """What it was told of in another's stead since it last heard an end."""
    return {
        (incident, bool(row["scope"]))
        for incident in incidents
        for row in db.execute(
            "SELECT event IN ('frozen', 'thawed') AS scope FROM outbox"
            " WHERE channel = ? AND incident = ? AND event <> 'digest' GROUP BY 1"
            " HAVING max(CASE WHEN instr(dedup, ?) THEN id END)"
            "  > coalesce(max(CASE WHEN event IN ('resolved', 'thawed') THEN id END), 0)",
            (channel, incident, STOOD_IN),
        ).fetchall()
    }


def _fill(db: sqlite3.Connection, channel: str, digest: Digest, now: float) -> None:
    body = json.dumps(digest.tally.body)
    if digest.id:
        db.execute("UPDATE outbox SET body = ? WHERE id = ?", (body, digest.id))
        return
    row = db.execute(
        "INSERT INTO outbox (incident, channel, event, body, dedup, created, due, open)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, 1) RETURNING id",
        (digest.lane, channel, DIGEST, body, digest.dedup, now, digest.due(now)),
    ).fetchone()
    digest.id = row["id"]


def _write(db: sqlite3.Connection, letters: Sequence[Alone], now: float) -> None:
    bulk.write(
        db,
        "INSERT OR IGNORE INTO outbox (incident, channel, event, body, dedup, created, due, after)"
        " VALUES {rows}",
        [
            (
                *(one.incident, one.letter.channel, one.letter.event, json.dumps(one.letter.body)),
                *(one.letter.dedup, one.since or now, now, one.after and one.after.id),
            )
            for one in letters
        ],
    )
