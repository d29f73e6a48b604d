"""The part of the SQLite journal that people look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.journal.rows import incident_of, standing_of
from receiver.journal.sqlite.rows import highest_seq
from receiver.journal.views import Standing

T = TypeVar("T")

# which they are the index alone says: the rows of a storm's thousands are not read for fifty
OPEN = """
SELECT * FROM incident WHERE id IN (
  SELECT id FROM incident INDEXED BY incident_open WHERE resolved_at IS NULL ORDER BY id DESC LIMIT ?
) ORDER BY id DESC
"""
# left to itself SQLite would look at every row, of which most are over
STANDING = """
SELECT labels, severity, acknowledged_by FROM incident INDEXED BY incident_open WHERE resolved_at IS NULL
"""
OVER = "SELECT * FROM incident WHERE resolved_at > ? ORDER BY resolved_at DESC LIMIT ?"


class SqliteViews:
    """Implements `receiver.journal.views.Views`, for a journal that can be asked."""

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        rows = await self._read(lambda db: db.execute(OPEN, (limit,)).fetchall())
        return tuple(map(incident_of, rows))

    async def over_since(self, since: float, limit: int) -> tuple[Incident, ...]:
        rows = await self._read(lambda db: db.execute(OVER, (since, limit)).fetchall())
        return tuple(map(incident_of, rows))

    async def standing(self) -> tuple[Standing, ...]:
        rows = await self._read(lambda db: db.execute(STANDING).fetchall())
        return tuple(map(standing_of, rows))

    async def latest(self) -> int:
        return await self._read(highest_seq)
