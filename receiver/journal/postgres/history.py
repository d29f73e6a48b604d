"""The part of the PostgreSQL journal that looks back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.decide.track_record import PastRun
from receiver.journal import history_rows as rows
from receiver.journal import trust_rows
from receiver.journal.history import AuditRow, Search, Stretch
from receiver.journal.postgres.retention import anchor
from receiver.journal.postgres.rows import stored
from receiver.journal.postgres.session import Database
from receiver.journal.rows import incident_of, row_id

T = TypeVar("T")


class PostgresHistory:
    """Implements `receiver.journal.history.History`, for a journal that can be asked."""

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def search(self, search: Search) -> tuple[Incident, ...]:
        return await self._ask(partial(_search, search=search))

    async def target_runs(self, target: str, limit: int) -> tuple[PastRun, ...]:
        found = await self._ask(lambda db: db.fetch(trust_rows.TARGET_RUNS, target, limit))
        return tuple(map(trust_rows.past_run_of, found))

    async def audit(self, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        number = None if before is None else row_id(before)
        found = await self._ask(lambda db: db.fetch(rows.AUDIT, number, limit))
        return tuple(map(rows.audit_row_of, found))

    async def follow(self, seq: int, digest: str, most: int) -> Stretch:
        return await self._ask(lambda db: _follow(db, seq, digest, most))


async def _search(db: Database, search: Search) -> tuple[Incident, ...]:
    where, values = rows.conditions(search, "ILIKE")
    found = await db.fetch(
        "SELECT * FROM incident WHERE id = ANY(ARRAY(SELECT id FROM incident"  # noqa: S608 - our own words
        f" WHERE {where} ORDER BY id DESC LIMIT ${len(values) + 1})) ORDER BY id DESC",
        *(*map(stored, values), search.limit),
    )
    return tuple(map(incident_of, found))


async def _follow(db: Database, seq: int, digest: str, most: int) -> Stretch:
    async with db.transaction(isolation="repeatable_read", readonly=True):
        highest = int(await db.fetchval("SELECT seq FROM chain") or 0)
        known = await db.fetchrow(rows.KNOWN, seq)
        begins = rows.begins_at(seq, digest, known, await anchor(db))
        return rows.followed(begins, await db.fetch(rows.CHAIN, begins.after, most), highest)
