"""What PostgreSQL's text cannot hold, and letters, which most changes write."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from receiver.journal import Letter
from receiver.journal.postgres.session import Database


def plain(text: str) -> str:
    """As `text` can be stored: U+0000 and halves of surrogate pairs have no place there."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def digest(key: str) -> str:
    """What stands for an incident's key in the index: a key may be longer than an index entry can be."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


async def post(
    db: Database,
    incident: int,
    now: float,
    letters: Sequence[Letter],
) -> None:
    """Puts letters in the outbox; one with a dedup key that is already there is the same letter."""
    if not letters:
        return
    await db.execute(
        "INSERT INTO outbox (incident, channel, event, body, dedup, created, due)"
        " SELECT $1::bigint, channel, event, body, dedup, $2::double precision, $2"
        " FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS u (channel, event, body, dedup)"
        " ON CONFLICT (channel, dedup) DO NOTHING",
        *(incident, now),
        [letter.channel for letter in letters],
        [letter.event for letter in letters],
        [json.dumps(letter.body) for letter in letters],
        [plain(letter.dedup) for letter in letters],
    )
