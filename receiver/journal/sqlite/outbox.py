"""Letters on their way: in order per incident and channel, kept until a channel took them."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from receiver.journal import Backlog, Event, Letter, Posting
from receiver.journal.mail import ends_behind
from receiver.journal.rows import posting_of
from receiver.journal.sqlite.letters import post
from receiver.journal.sqlite.rows import append


def postings(db: sqlite3.Connection, channel: str, now: float, limit: int) -> tuple[Posting, ...]:
    """The first waiting letter of every incident, if it is due: a later one never overtakes it."""
    rows = db.execute(
        "SELECT *, (SELECT said FROM thread WHERE thread.channel = outbox.channel"
        "  AND thread.incident = outbox.incident) AS thread FROM outbox WHERE id IN"
        " (SELECT min(id) FROM outbox WHERE channel = ? AND state = 'pending' GROUP BY incident)"
        " AND due <= ? AND (after IS NULL OR"
        "  (SELECT state FROM outbox AS digest WHERE digest.id = outbox.after) IS NOT 'pending')"
        " ORDER BY id LIMIT ?",
        (channel, now, limit),
    ).fetchall()
    return tuple(map(posting_of, rows))


def sealed(db: sqlite3.Connection, channel: str, now: float, limit: int) -> tuple[Posting, ...]:
    """The same, once the digests among them take no more letters: what is sent is what was counted."""
    db.execute(
        "UPDATE outbox SET open = 0 WHERE channel = ? AND state = 'pending' AND due <= ? AND open",
        (channel, now),
    )
    return postings(db, channel, now, limit)


def posted(db: sqlite3.Connection, posting: Posting, event: Event, now: float, thread: str) -> None:
    """The channel took it; `thread` is what it will be asked to go on with."""
    db.execute("UPDATE outbox SET state = 'sent' WHERE id = ?", (posting.id,))
    if thread:
        db.execute(
            "INSERT OR REPLACE INTO thread (incident, channel, said) VALUES (?, ?, ?)",
            (posting.incident, posting.letter.channel, thread),
        )
    append(db, now, [event])


def postpone(db: sqlite3.Connection, posting: Posting, due: float, error: str) -> None:
    """It is tried again at `due`."""
    db.execute(
        "UPDATE outbox SET due = ?, attempts = attempts + 1, error = ? WHERE id = ?",
        (due, error, posting.id),
    )


def bury(
    db: sqlite3.Connection, posting: Posting, error: str, now: float, letters: Sequence[Letter]
) -> None:
    """It can never be delivered; the ones behind it may go on, and `letters` go in its stead, unless that is known there."""
    sql = "UPDATE outbox SET state = 'dead', error = ? WHERE id = ? AND state = 'pending'"
    if not db.execute(sql, (error, posting.id)).rowcount:
        return  # nobody needs it any more
    data = {"incident": posting.incident, "channel": posting.letter.channel, "error": error}
    append(db, now, [Event("undeliverable", {**data, "dedup": posting.letter.dedup})])
    incident = max(0, posting.incident)
    instead = [one for one in letters if not _known(db, posting, one.channel)]
    behind = _ends_behind(db, posting) if instead and incident else ()
    post(db, incident, now, (*instead, *ends_behind(behind, instead)))


def _known(db: sqlite3.Connection, posting: Posting, channel: str) -> bool:
    """Whether it was told there as well, or the end of what it tells of."""
    sql = (
        "SELECT 1 FROM outbox WHERE channel = ? AND incident = ?"
        " AND (dedup = ? OR event = 'resolved' AND id > ? AND ? NOT IN ('frozen', 'thawed')) LIMIT 1"
    )
    event, dedup = posting.letter.event, posting.letter.dedup
    asked = (channel, posting.incident, dedup, posting.id, event)
    return db.execute(sql, asked).fetchone() is not None


def _ends_behind(db: sqlite3.Connection, posting: Posting) -> Sequence[sqlite3.Row]:
    return db.execute(
        "SELECT event, body, dedup FROM outbox WHERE channel = ? AND incident = ? AND id > ?"
        " AND state = 'pending' AND event IN ('acknowledged', 'resolved', 'thawed') ORDER BY id",
        (posting.letter.channel, posting.incident, posting.id),
    ).fetchall()


def backlog(db: sqlite3.Connection) -> Mapping[str, Backlog]:
    """What waits, by channel."""
    rows = db.execute(
        "SELECT channel, count(*) AS pending, min(created) AS oldest FROM outbox"
        " WHERE state = 'pending' GROUP BY channel"
    )
    return {row["channel"]: Backlog(row["pending"], row["oldest"]) for row in rows}
