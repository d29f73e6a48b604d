"""The part of the PostgreSQL journal that people look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.journal.postgres.session import Database
from receiver.journal.rows import incident_of, standing_of
from receiver.journal.views import Standing

T = TypeVar("T")

OPEN = "SELECT * FROM incident WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1"
STANDING = "SELECT labels, severity, acknowledged_by FROM incident WHERE resolved_at IS NULL"
OVER = "SELECT * FROM incident WHERE resolved_at > $1 ORDER BY resolved_at DESC LIMIT $2"


class PostgresViews:
    """Implements `receiver.journal.views.Views`, for a journal that can be asked."""

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        return tuple(map(incident_of, await self._ask(lambda db: db.fetch(OPEN, limit))))

    async def over_since(self, since: float, limit: int) -> tuple[Incident, ...]:
        return tuple(map(incident_of, await self._ask(lambda db: db.fetch(OVER, since, limit))))

    async def standing(self) -> tuple[Standing, ...]:
        return tuple(map(standing_of, await self._ask(lambda db: db.fetch(STANDING))))

    async def latest(self) -> int:
        return int(await self._ask(lambda db: db.fetchval("SELECT seq FROM chain")))
