"""The part of the PostgreSQL journal that keeps sessions, for all receivers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Unit, Writer
from receiver.journal.sessions import MOST, Session

T = TypeVar("T")


class PostgresSessions:
    """Implements `receiver.journal.sessions.Sessions`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def begin_session(self, session: Session, began: float, seen: float) -> None:
        await self._writer.call(lambda unit: _begin(unit, session, began, seen))

    async def session(self, digest: str) -> Session | None:
        sql = "SELECT digest, mark, began, seen FROM session WHERE digest = $1"
        row = await self._ask(lambda db: db.fetchrow(sql, digest))
        return None if row is None else Session(*row)

    async def see_session(self, digest: str, now: float) -> None:
        sql = "UPDATE session SET seen = greatest(seen, $2) WHERE digest = $1"
        await self._ask(lambda db: db.execute(sql, digest, now), "cannot be written")

    async def end_session(self, digest: str) -> None:
        sql = "DELETE FROM session WHERE digest = $1"
        await self._writer.call(lambda unit: unit.db.execute(sql, digest))


async def _begin(unit: Unit, session: Session, began: float, seen: float) -> None:
    await unit.db.execute("DELETE FROM session WHERE began < $1 OR seen < $2", began, seen)
    await unit.db.execute(
        "INSERT INTO session (digest, mark, began, seen) VALUES ($1, $2, $3, $4)",
        *(session.digest, session.mark, session.began, session.seen),
    )
    newest = "SELECT digest FROM session ORDER BY began DESC, digest LIMIT $1"
    await unit.db.execute(f"DELETE FROM session WHERE digest NOT IN ({newest})", MOST)  # noqa: S608 - both are ours
