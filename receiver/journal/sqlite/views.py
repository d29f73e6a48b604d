"""The part of the SQLite journal that people look at."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.journal.rows import incident_of, recent_values, standing_of
from receiver.journal.sqlite.rows import highest_seq, numbered
from receiver.journal.views import Recent, Standing

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
RECENT = """
SELECT * FROM incident WHERE id IN (
  SELECT id FROM (
    SELECT id FROM incident INDEXED BY incident_open
    WHERE resolved_at IS NULL AND (NOT $2 OR acknowledged_by IS NOT NULL)
    UNION ALL SELECT id FROM incident INDEXED BY incident_closed WHERE resolved_at > $1
  ) WHERE id < $3 ORDER BY id DESC LIMIT $4
) ORDER BY id DESC
"""


class SqliteViews:
    """Implements `receiver.journal.views.Views`, for a journal that can be asked."""

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        rows = await self._read(lambda db: db.execute(OPEN, (limit,)).fetchall())
        return tuple(map(incident_of, rows))

    async def recent(self, asked: Recent) -> tuple[Incident, ...]:
        values = numbered(recent_values(asked))
        rows = await self._read(lambda db: db.execute(RECENT, values).fetchall())
        return tuple(map(incident_of, rows))

    async def standing(self) -> tuple[Standing, ...]:
        rows = await self._read(lambda db: db.execute(STANDING).fetchall())
        return tuple(map(standing_of, rows))

    async def latest(self) -> int:
        return await self._read(highest_seq)
