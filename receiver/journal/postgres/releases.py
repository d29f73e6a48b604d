"""The ledger of releases in PostgreSQL: the writers' lock keeps two receivers from speaking at once."""

from __future__ import annotations

from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.postgres.rows import plain
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit
from receiver.journal.releases import NAMES, SERVING, changed, event_of, release_of, values_of

_PLACES = [f"${number}" for number in range(1, len(NAMES) + 1)]
_INSERT = f"INSERT INTO release ({', '.join(NAMES)}) VALUES ({', '.join(_PLACES)}) RETURNING id"  # noqa: S608 - our own names
_SETS = ", ".join(f"{name} = {place}" for name, place in zip(NAMES, _PLACES, strict=True))
_UPDATE = f"UPDATE release SET {_SETS} WHERE id = ${len(NAMES) + 1} RETURNING id"  # noqa: S608 - our own names


async def releases(db: Database, target: str | None) -> tuple[Release, ...]:
    """In the order in which they were entered."""
    rows = await db.fetch(
        "SELECT * FROM release WHERE $1::text IS NULL OR target = $1 ORDER BY id", target
    )
    return tuple(map(release_of, rows))


async def serving(db: Database) -> tuple[Release, ...]:
    """What serves on any target, and deploys that nobody ended."""
    return tuple(map(release_of, await db.fetch(SERVING)))


async def enter(unit: Unit, target: str, word: Word, now: float) -> Release:
    """The entry that follows, its audit rows, and the release that was spoken of."""
    entry = word(await releases(unit.db, target))
    number = entry.release.id
    for one in changed(entry):
        known = (one.id,) if one.id else ()
        sql = _UPDATE if known else _INSERT
        number = await unit.db.fetchval(sql, *map(_stored, values_of(one)), *known)
    await unit.append([(now, event_of(note)) for note in entry.notes])
    written = await unit.db.fetchrow("SELECT * FROM release WHERE id = $1", number)
    assert written is not None  # noqa: S101 - it was written, or read, in this transaction
    return release_of(written)


def _stored(value: object) -> object:
    return plain(value) if isinstance(value, str) else value
