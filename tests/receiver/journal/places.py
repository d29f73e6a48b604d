"""Where a journal can lie, so that what every engine promises is asked of every engine by the same test."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from prunella.service.clock import Clock, SystemClock
from receiver.journal import Journal
from receiver.journal.postgres import PostgresJournal
from receiver.journal.postgres import open_journal as open_postgres
from receiver.journal.sqlite import SqliteJournal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import opened
from tests.servers.postgres import PostgresServer

TABLES = "alert, episode, incident, run, frozen, outbox, quarantine, maintenance, event, ineffective, tick, release, rollback, launch, checkpoint, thread, trust, refusal, withheld, session"
# the tests' time is what they say; elsewhere it is the database's
CLOCK = (
    "CREATE OR REPLACE FUNCTION moment(given double precision) RETURNS double precision"
    " LANGUAGE sql STABLE AS 'SELECT {}'"
)
BY_HAND = CLOCK.format("given")
BY_ITSELF = CLOCK.format("extract(epoch FROM statement_timestamp())::double precision")


class Place(Protocol):
    """A journal that can be closed and opened again."""

    def opened(self, now: float = NOW) -> AbstractAsyncContextManager[Journal]: ...

    async def tamper(self, *statements: str) -> None: ...


@dataclass(frozen=True)
class SqlitePlace:
    file: Path

    def opened(self, now: float = NOW) -> AbstractAsyncContextManager[Journal]:
        return opened(self.file, now)

    async def tamper(self, *statements: str) -> None:
        """As somebody with the file in hands would: the triggers go first."""
        with closing(sqlite3.connect(self.file)) as db, db:
            db.execute("DROP TRIGGER event_never_changes")
            db.execute("DROP TRIGGER event_never_vanishes")
            for statement in statements:
                db.execute(statement)


@dataclass(frozen=True)
class PostgresPlace:
    server: PostgresServer
    database: str

    @property
    def url(self) -> str:
        return self.server.url(self.database)

    @asynccontextmanager
    async def opened(
        self, now: float = NOW, clock: Clock | None = None
    ) -> AsyncIterator[PostgresJournal]:
        journal = await open_postgres(self.url, clock or SystemClock())
        try:
            yield journal
        finally:
            await journal.close()

    async def tamper(self, *statements: str) -> None:
        """As a superuser would, past the triggers."""
        await self._as_superuser("SET session_replication_role = replica", *statements)

    async def empty(self, *, hand_clock: bool) -> None:
        """As it was when it was new, which is quicker than a new one."""
        clear = f"TRUNCATE {TABLES} RESTART IDENTITY"
        ends = "UPDATE chain SET seq = 0, hash = repeat('0', 64)"
        begins = "UPDATE anchor SET seq = 0, hash = repeat('0', 64)"
        await self.tamper(
            clear, ends, begins, "DELETE FROM meta", BY_HAND if hand_clock else BY_ITSELF
        )

    async def _as_superuser(self, *statements: str) -> None:
        where: Mapping[str, Any] = {"host": str(self.server.folder), "port": self.server.port}
        db = await asyncpg.connect(**where, user="postgres", database=self.database)
        try:
            await db.execute("SET search_path = prunella")
            for statement in statements:
                await db.execute(statement)
        finally:
            await db.close()


async def execute(journal: Journal, statement: str) -> list[tuple[Any, ...]]:
    """A statement of the program itself, past everything that the journal offers."""
    if isinstance(journal, SqliteJournal):
        return await journal._writer.call(lambda db: [*map(tuple, db.execute(statement))])
    assert isinstance(journal, PostgresJournal)
    rows = await journal._writer.call(lambda unit: unit.db.fetch(statement))
    return [tuple(row) for row in rows]
