"""The ledger of releases and rollbacks in PostgreSQL: the writers' lock keeps two receivers from speaking at once."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.postgres.rows import stored
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit
from receiver.journal.releases import (
    BACK_NAMES,
    NAMES,
    SERVING,
    changed,
    event_of,
    release_of,
    rollback_of,
    rollback_values,
    row_of,
    values_of,
)


def _statements(table: str, names: Sequence[str]) -> tuple[str, str]:
    """To insert a row, and to change the one of an id."""
    places = [f"${number}" for number in range(1, len(names) + 1)]
    sets = ", ".join(f"{name} = {place}" for name, place in zip(names, places, strict=True))
    insert = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(places)}) RETURNING id"  # noqa: S608 - our own names
    return insert, f"UPDATE {table} SET {sets} WHERE id = ${len(names) + 1} RETURNING id"  # noqa: S608 - our own names


_RELEASE, _ROLLBACK = _statements("release", NAMES), _statements("rollback", BACK_NAMES)


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
        number = await write(unit, one)
    await unit.append([(now, event_of(note)) for note in entry.notes])
    written = await unit.db.fetchrow("SELECT * FROM release WHERE id = $1", number)
    assert written is not None  # noqa: S101 - it was written, or read, in this transaction
    return release_of(written)


async def rollbacks(db: Database, target: str | None) -> tuple[Rollback, ...]:
    """In the order in which they began."""
    rows = await db.fetch(
        "SELECT * FROM rollback WHERE $1::text IS NULL OR target = $1 ORDER BY id", target
    )
    return tuple(map(rollback_of, rows))


async def stride(unit: Unit, target: str, tread: Tread, now: float) -> Rollback:
    """One step of a rollback with what it does to the ledger."""
    made = tread(await releases(unit.db, target), await rollbacks(unit.db, target))
    if made.row is None:
        return made.rollback
    for one in made.releases:
        await write(unit, one)
    values = rollback_values(made.rollback)
    number = await _write(unit, _ROLLBACK, made.rollback.id, values)
    await unit.append([(now, event) for event in row_of(made)])
    written = await unit.db.fetchrow("SELECT * FROM rollback WHERE id = $1", number)
    assert written is not None  # noqa: S101 - it was written in this transaction
    return rollback_of(written)


async def write(unit: Unit, release: Release) -> int:
    """Its row; returns the id."""
    return await _write(unit, _RELEASE, release.id, values_of(release))


async def _write(
    unit: Unit, statements: tuple[str, str], number: int, values: Sequence[object]
) -> int:
    insert, update = statements
    known = (number,) if number else ()
    return int(await unit.db.fetchval(update if known else insert, *map(stored, values), *known))
