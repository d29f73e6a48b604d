"""The part of the PostgreSQL journal that people look at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.journal.postgres.session import Database
from receiver.journal.rows import incident_of

T = TypeVar("T")

OPEN = "SELECT * FROM incident WHERE resolved_at IS NULL ORDER BY id DESC LIMIT $1"


class PostgresViews:
    """Implements `receiver.journal.views.Views`, for a journal that can be asked."""

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        return tuple(map(incident_of, await self._ask(lambda db: db.fetch(OPEN, limit))))

    async def latest(self) -> int:
        return int(await self._ask(lambda db: db.fetchval("SELECT seq FROM chain")))
