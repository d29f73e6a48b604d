"""Launch watches in PostgreSQL: the writers' lock keeps two receivers from taking the same checkpoint."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from receiver.decide.watching import Launch
from receiver.journal.launch_rows import (
    CHECKPOINTS,
    OF_TARGET,
    ONE,
    OPEN,
    checkpoint_values,
    events_of,
    launch_of,
    launch_values,
    new_checkpoints,
    with_last,
)
from receiver.journal.launches import Step, Turn
from receiver.journal.postgres import releases
from receiver.journal.postgres.letters import post
from receiver.journal.postgres.rows import stored
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit, Writer
from receiver.journal.rows import row_id

T = TypeVar("T")
_LAUNCH = (
    "INSERT INTO launch (release, begun, baseline, ended_at, outcome) VALUES ($1, $2, $3, $4, $5)"
    " ON CONFLICT (release) DO UPDATE SET baseline = excluded.baseline,"
    " ended_at = excluded.ended_at, outcome = excluded.outcome"
)
_CHECKPOINT = (
    "INSERT INTO checkpoint (release, due, at, phase, finding, traffic, signals)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7)"
)


class PostgresLaunches:
    """Implements `receiver.journal.launches.Launches`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def advance(self, release: int, turn: Turn, now: float) -> Launch | None:
        return await self._writer.call(lambda unit: _advance(unit, release, turn, now))

    async def watches(self) -> tuple[Launch, ...]:
        return await self._ask(_open)

    async def launches(self, target: str | None = None) -> tuple[Launch, ...]:
        return await self._ask(partial(_launches, target=target))

    async def launch(self, release: int) -> Launch | None:
        return await self._ask(partial(_launch, release=release))


async def _open(db: Database) -> tuple[Launch, ...]:
    return tuple(map(with_last, await db.fetch(OPEN)))


async def _launches(db: Database, target: str | None) -> tuple[Launch, ...]:
    sql = OF_TARGET.format(target="$1::text IS NULL OR r.target = $1")
    return tuple(map(with_last, await db.fetch(sql, target)))


async def _launch(db: Database, release: int) -> Launch | None:
    number = row_id(release)
    row = await db.fetchrow(ONE.format(id="$1"), number)
    if row is None:
        return None
    return launch_of(row, await db.fetch(CHECKPOINTS.format(id="$1"), number))


async def _advance(unit: Unit, release: int, turn: Turn, now: float) -> Launch | None:
    before = await _launch(unit.db, release)
    if before is None:
        return None
    step = turn(before, await releases.releases(unit.db, before.release.target))
    if step is None:
        return None
    await _write(unit, before, step)
    await unit.append([(now, event) for event in events_of(step)])
    await post(unit.db, -release, now, step.letters)
    return step.launch


async def _write(unit: Unit, before: Launch, step: Step) -> None:
    after = step.launch
    if after.release != before.release:
        await releases.write(unit, after.release)
    await unit.db.execute(_LAUNCH, *map(stored, launch_values(after)))
    for one in new_checkpoints(before, step):
        await unit.db.execute(_CHECKPOINT, *map(stored, checkpoint_values(after.release.id, one)))
