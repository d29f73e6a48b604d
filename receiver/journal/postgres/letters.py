"""Letters into the outbox: one by one, or counted in the minute's digest when a channel gets too many."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace

from receiver.journal.box import EVERY, Alone, Box, Digest, box_of
from receiver.journal.mail import CALL, DIGEST, PENDING_MOST, STOOD_IN, Letter, Scope, by_channel
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database


async def post(db: Database, incident: int, now: float, letters: Iterable[Letter]) -> None:
    """Puts one incident's letters in the outbox."""
    await post_all(db, now, [(incident, letter) for letter in letters])


async def post_all(
    db: Database, now: float, letters: Sequence[tuple[int, Letter]], *, new: bool = False
) -> bool:
    """Whether any is to be sent now. One whose dedup key is already there is the same letter; `new` incidents have
    been told of nowhere yet."""
    at_once = False
    for channel, mine in sorted(by_channel(letters).items()):
        box = await _box(db, channel, now)
        if not new:
            box.told |= await _told(db, channel, {incident for incident, _ in mine})
            closing = {incident for incident, letter in mine if letter.stood_in}
            box.stood_in |= await _stood_in(db, channel, closing) if closing else set()
        for incident, letter in mine:
            box.put(incident, letter)
        for digest in box.filled:
            await _fill(db, channel, digest, now)
        await _write(db, [await _newest(db, one, now) for one in box.alone], now)
        await _hurry(db, channel, box.hurried)
        at_once = at_once or bool(box.alone)
    return at_once


async def _newest(db: Database, one: Alone, now: float) -> Alone:
    """A call is sent instead of older ones that were not; for how long it is tried counts from the first of them.

    What another receiver is just sending stays in line.
    """
    if not one.letter.call:
        return one
    rows = await db.fetch(
        "UPDATE outbox SET state = 'dropped', error = 'replaced by a newer call'"
        " WHERE incident = $1 AND state = 'pending' AND event = 'escalated' AND position($2 in dedup) > 0"
        " AND (holder IS NULL OR held_until <= moment($3)) AND channel = $4 AND dedup <> $5 RETURNING created",
        *(one.incident, CALL, now, one.letter.channel, plain(one.letter.dedup)),
    )
    return replace(one, since=min((row["created"] for row in rows), default=None))


async def _hurry(db: Database, channel: str, incidents: set[int]) -> None:
    """What goes out before a call or a question waits for no digest either."""
    if incidents:
        await db.execute(
            "UPDATE outbox SET after = NULL"
            " WHERE channel = $1 AND incident = ANY($2::bigint[]) AND state = 'pending' AND after IS NOT NULL",
            *(channel, sorted(incidents)),
        )


async def drop_calls(db: Database, incident: int, now: float) -> None:
    """Nobody needs to be called any more."""
    await db.execute(
        "UPDATE outbox SET state = 'dropped', error = 'acknowledged or over before it was sent'"
        " WHERE incident = $1 AND state = 'pending' AND event = 'escalated'"
        " AND position($2 in dedup) > 0 AND (holder IS NULL OR held_until <= moment($3))",
        *(incident, CALL, now),
    )


async def _box(db: Database, channel: str, now: float) -> Box:
    # locked, because a digest that somebody is just taking out takes no more letters
    rows = await db.fetch(
        "SELECT id, incident, body, state, due, open AND due > $1 AS open, created > $2 AS recent FROM outbox"
        " WHERE channel = $3 AND event = 'digest' AND created > $4"
        " AND (state = 'pending' OR created > $2) ORDER BY id FOR UPDATE",
        *(now, now - 2 * EVERY, channel, now - PENDING_MOST),
    )
    (alone,) = await db.fetch(
        "SELECT count(*) AS letters, count(*) FILTER (WHERE event = 'escalated') AS escalated"
        " FROM outbox WHERE channel = $1 AND created > $2 AND event <> 'digest'",
        *(channel, now - EVERY),
    )
    return box_of(alone, rows)


async def _told(db: Database, channel: str, incidents: set[int]) -> set[int]:
    rows = await db.fetch(
        "SELECT DISTINCT incident FROM outbox"
        " WHERE channel = $1 AND incident = ANY($2::bigint[]) AND event <> 'digest'",
        *(channel, sorted(incidents)),
    )
    return {row["incident"] for row in rows}


async def _stood_in(db: Database, channel: str, incidents: set[int]) -> set[tuple[int, Scope]]:
    """What it was told of in another's stead since it last heard an end."""
    rows = await db.fetch(
        "SELECT incident, event IN ('frozen', 'thawed') AS scope FROM outbox"
        " WHERE channel = $1 AND incident = ANY($2::bigint[]) AND event <> 'digest' GROUP BY 1, 2"
        " HAVING max(id) FILTER (WHERE position($3 in dedup) > 0)"
        "  > coalesce(max(id) FILTER (WHERE event IN ('resolved', 'thawed')), 0)",
        *(channel, sorted(incidents), STOOD_IN),
    )
    return {(row["incident"], row["scope"]) for row in rows}


async def _fill(db: Database, channel: str, digest: Digest, now: float) -> None:
    body = json.dumps(digest.tally.body)
    if digest.id:
        await db.execute("UPDATE outbox SET body = $1 WHERE id = $2", body, digest.id)
        return
    digest.id = await db.fetchval(
        "INSERT INTO outbox (incident, channel, event, body, dedup, created, due, open)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, true) RETURNING id",
        *(digest.lane, channel, DIGEST, body, plain(digest.dedup), now, digest.due(now)),
    )


async def _write(db: Database, letters: Sequence[Alone], now: float) -> None:
    if not letters:
        return
    await db.execute(
        "INSERT INTO outbox (incident, channel, event, body, dedup, created, due, after)"
        " SELECT incident, channel, event, body, dedup, since, $1::double precision, after"
        " FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],"
        " $8::double precision[]) AS u (incident, channel, event, body, dedup, after, since) ON CONFLICT (channel, dedup) DO NOTHING",
        now,
        [one.incident for one in letters],
        [one.letter.channel for one in letters],
        [one.letter.event for one in letters],
        [json.dumps(one.letter.body) for one in letters],
        [plain(one.letter.dedup) for one in letters],
        [None if one.after is None else one.after.id for one in letters],
        [one.since or now for one in letters],
    )
