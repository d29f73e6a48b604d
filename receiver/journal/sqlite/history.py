"""The part of the SQLite journal that looks back."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from receiver.decide.incident import Incident
from receiver.decide.track_record import PastRun
from receiver.journal import history_rows as rows
from receiver.journal import trust_rows
from receiver.journal.history import AuditRow, Search, Stretch
from receiver.journal.rows import incident_of, row_id
from receiver.journal.sqlite.retention import anchor
from receiver.journal.sqlite.rows import highest_seq, numbered

T = TypeVar("T")


class SqliteHistory:
    """Implements `receiver.journal.history.History`, for a journal that can be asked."""

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def search(self, search: Search) -> tuple[Incident, ...]:
        return await self._read(partial(_search, search=search))

    async def target_runs(self, target: str, limit: int) -> tuple[PastRun, ...]:
        values = numbered((target, limit))
        found = await self._read(lambda db: db.execute(trust_rows.TARGET_RUNS, values).fetchall())
        return tuple(map(trust_rows.past_run_of, found))

    async def audit(self, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        values = numbered((None if before is None else row_id(before), limit))
        found = await self._read(lambda db: db.execute(rows.AUDIT, values).fetchall())
        return tuple(map(rows.audit_row_of, found))

    async def follow(self, seq: int, digest: str, most: int) -> Stretch:
        return await self._read(lambda db: _follow(db, seq, digest, most))


def _search(db: sqlite3.Connection, search: Search) -> tuple[Incident, ...]:
    sql, values = searched(search)
    return tuple(map(incident_of, db.execute(sql, numbered(values))))


def searched(search: Search) -> tuple[str, tuple[object, ...]]:
    """Which they are an index says: a row is long, and there may be a hundred thousand that are others'."""
    where, values = rows.conditions(search, "LIKE")
    index = "incident_waiting" if search.waiting else "incident_history"
    sql = (
        f"SELECT * FROM incident WHERE id IN (SELECT id FROM incident INDEXED BY {index}"  # noqa: S608 - our own words
        f" WHERE {where} ORDER BY id DESC LIMIT ${len(values) + 1}) ORDER BY id DESC"
    )
    return sql, (*values, search.limit)


def _follow(db: sqlite3.Connection, seq: int, digest: str, most: int) -> Stretch:
    highest = highest_seq(db)
    known = db.execute(rows.KNOWN, numbered((seq,))).fetchone()
    begins = rows.begins_at(seq, digest, known, anchor(db))
    return rows.followed(begins, db.execute(rows.CHAIN, numbered((begins.after, most))), highest)
