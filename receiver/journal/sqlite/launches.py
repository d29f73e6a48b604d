"""Launch watches in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
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
from receiver.journal.rows import row_id
from receiver.journal.sqlite import releases
from receiver.journal.sqlite.letters import post
from receiver.journal.sqlite.rows import append
from receiver.journal.sqlite.writer import Writer

T = TypeVar("T")
_LAUNCH = (
    "INSERT INTO launch (release, begun, baseline, ended_at, outcome) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (release) DO UPDATE SET baseline = excluded.baseline,"
    " ended_at = excluded.ended_at, outcome = excluded.outcome"
)
_CHECKPOINT = (
    "INSERT INTO checkpoint (release, due, at, phase, finding, traffic, signals)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)


class SqliteLaunches:
    """Implements `receiver.journal.launches.Launches`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def advance(self, release: int, turn: Turn, now: float) -> Launch | None:
        return await self._writer.call(lambda db: _advance(db, release, turn, now))

    async def watches(self) -> tuple[Launch, ...]:
        return await self._read(lambda db: tuple(map(with_last, db.execute(OPEN))))

    async def launches(self, target: str | None = None) -> tuple[Launch, ...]:
        sql = OF_TARGET.format(target="?1 IS NULL OR r.target = ?1")
        return await self._read(lambda db: tuple(map(with_last, db.execute(sql, (target,)))))

    async def launch(self, release: int) -> Launch | None:
        return await self._read(partial(_launch, release=release))


def _launch(db: sqlite3.Connection, release: int) -> Launch | None:
    number = (row_id(release),)
    row = db.execute(ONE.format(id="?"), number).fetchone()
    if row is None:
        return None
    return launch_of(row, db.execute(CHECKPOINTS.format(id="?"), number))


def _advance(db: sqlite3.Connection, release: int, turn: Turn, now: float) -> Launch | None:
    before = _launch(db, release)
    if before is None:
        return None
    step = turn(before, releases.releases(db, before.release.target))
    if step is None:
        return None
    _write(db, before, step)
    append(db, now, events_of(step))
    post(db, -release, now, step.letters)
    return step.launch


def _write(db: sqlite3.Connection, before: Launch, step: Step) -> None:
    after = step.launch
    if after.release != before.release:
        releases.write(db, after.release)
    db.execute(_LAUNCH, launch_values(after))
    for one in new_checkpoints(before, step):
        db.execute(_CHECKPOINT, checkpoint_values(after.release.id, one))
