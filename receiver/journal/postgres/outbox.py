"""Letters on their way: in order per incident and channel, kept until a channel took them, sent by one receiver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from receiver.journal import Backlog, Event, Letter, Posting
from receiver.journal.mail import Row, ends_behind
from receiver.journal.postgres.letters import post
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit
from receiver.journal.rows import posting_of

HOLD = 15.0  # as long as a lease; whoever renews its leases prolongs it


async def postings(
    db: Database, channel: str, now: float, limit: int, holder: str
) -> tuple[Posting, ...]:
    """The first waiting letter of every incident, if it is due and no other receiver is sending it."""
    rows = await db.fetch(
        "UPDATE outbox SET holder = $4, held_until = moment($2) + $5, open = false WHERE id IN"
        " (SELECT id FROM outbox WHERE id IN"
        "  (SELECT min(id) FROM outbox WHERE channel = $1 AND state = 'pending' GROUP BY incident)"
        "  AND state = 'pending' AND due <= moment($2)"
        "  AND (holder IS NULL OR holder = $4 OR held_until <= moment($2))"
        "  AND (after IS NULL OR NOT EXISTS (SELECT FROM outbox AS digest"
        "   WHERE digest.id = outbox.after AND digest.state = 'pending'))"
        "  ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) RETURNING *,"
        " (SELECT said FROM thread WHERE thread.channel = outbox.channel"
        "  AND thread.incident = outbox.incident) AS thread",
        *(channel, now, limit, holder, HOLD),
    )
    return tuple(map(posting_of, sorted(rows, key=lambda row: int(row["id"]))))


async def posted(unit: Unit, posting: Posting, event: Event, now: float, thread: str) -> None:
    """The channel took it, whoever holds it now; `thread` is what it will be asked to go on with."""
    await unit.db.execute("UPDATE outbox SET state = 'sent' WHERE id = $1", posting.id)
    if thread:
        await unit.db.execute(
            "INSERT INTO thread (incident, channel, said) VALUES ($1, $2, $3)"
            " ON CONFLICT (incident, channel) DO UPDATE SET said = excluded.said",
            *(posting.incident, posting.letter.channel, plain(thread)),
        )
    await unit.append([(now, event)])


async def postpone(unit: Unit, posting: Posting, due: float, error: str, holder: str) -> None:
    """It is tried again at `due`, by anybody; unless another receiver has taken it over and is at it."""
    await unit.db.execute(
        "UPDATE outbox SET due = $1, attempts = attempts + 1, error = $2, holder = NULL"
        " WHERE id = $3 AND state = 'pending' AND (holder IS NULL OR holder = $4)",
        *(due, plain(error), posting.id, holder),
    )


@dataclass(frozen=True, slots=True)
class Grave:
    """A letter that can never be delivered, why, and what goes in its stead."""

    posting: Posting
    error: str
    letters: Sequence[Letter]


async def bury(unit: Unit, grave: Grave, now: float, holder: str) -> None:
    """The ones behind it may go on, and others go in its stead, unless that is known there."""
    posting, error = grave.posting, grave.error
    buried = await unit.db.fetchval(
        "UPDATE outbox SET state = 'dead', error = $1"
        " WHERE id = $2 AND state = 'pending' AND (holder IS NULL OR holder = $3) RETURNING id",
        *(plain(error), posting.id, holder),
    )
    if buried is not None:
        data = {"incident": posting.incident, "channel": posting.letter.channel, "error": error}
        lost = Event("undeliverable", {**data, "dedup": posting.letter.dedup})
        await unit.append([(now, lost)])
        instead = [one for one in grave.letters if not await _known(unit.db, posting, one.channel)]
        behind = await _ends_behind(unit.db, posting) if instead and posting.incident > 0 else ()
        letters = (*instead, *ends_behind(behind, instead))
        await post(unit.db, max(0, posting.incident), now, letters)


async def _known(db: Database, posting: Posting, channel: str) -> bool:
    """Whether it was told there as well, or the end of what it tells of."""
    known: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM outbox WHERE channel = $1 AND incident = $2 AND (dedup = $3"
        " OR event = 'resolved' AND id > $4 AND $5 NOT IN ('frozen', 'thawed')))",
        *(channel, posting.incident, plain(posting.letter.dedup), posting.id, posting.letter.event),
    )
    return known


async def _ends_behind(db: Database, posting: Posting) -> Sequence[Row]:
    rows: Sequence[Row] = await db.fetch(
        "SELECT event, body, dedup FROM outbox WHERE channel = $1 AND incident = $2 AND id > $3"
        " AND state = 'pending' AND event IN ('acknowledged', 'resolved', 'thawed') ORDER BY id",
        *(posting.letter.channel, posting.incident, posting.id),
    )
    return rows


async def backlog(db: Database) -> Mapping[str, Backlog]:
    """What waits, by channel."""
    rows = await db.fetch(
        "SELECT channel, count(*) AS pending, min(created) AS oldest FROM outbox"
        " WHERE state = 'pending' GROUP BY channel"
    )
    return {row["channel"]: Backlog(row["pending"], row["oldest"]) for row in rows}
