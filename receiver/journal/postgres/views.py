"""The part of the PostgreSQL journal that people look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.journal.postgres.session import Database
from receiver.journal.rows import incident_of, recent_values, standing_of
from receiver.journal.views import Recent, Standing

T = TypeVar("T")

OPEN = "SELECT * FROM incident WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1"
STANDING = "SELECT labels, severity, acknowledged_by FROM incident WHERE resolved_at IS NULL"
RECENT = """
SELECT * FROM incident WHERE id < $3 AND id IN (
  SELECT id FROM incident WHERE resolved_at IS NULL AND (NOT $2::boolean OR acknowledged_by IS NOT NULL)
  UNION ALL SELECT id FROM incident WHERE resolved_at > $1
) ORDER BY id DESC LIMIT $4
"""


class PostgresViews:
    """Implements `receiver.journal.views.Views`, for a journal that can be asked."""

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        return tuple(map(incident_of, await self._ask(lambda db: db.fetch(OPEN, limit))))

    async def recent(self, asked: Recent) -> tuple[Incident, ...]:
        values = recent_values(asked)
        return tuple(map(incident_of, await self._ask(lambda db: db.fetch(RECENT, *values))))

    async def standing(self) -> tuple[Standing, ...]:
        return tuple(map(standing_of, await self._ask(lambda db: db.fetch(STANDING))))

    async def latest(self) -> int:
        return int(await self._ask(lambda db: db.fetchval("SELECT seq FROM chain")))
