"""The part of the SQLite journal that keeps sessions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from receiver.journal.sessions import MOST, Session
from receiver.journal.sqlite.writer import Writer

T = TypeVar("T")


class SqliteSessions:
    """Implements `receiver.journal.sessions.Sessions`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def begin_session(self, session: Session, began: float, seen: float) -> None:
        await self._writer.call(lambda db: _begin(db, session, began, seen))

    async def session(self, digest: str) -> Session | None:
        sql = "SELECT digest, mark, began, seen FROM session WHERE digest = ?"
        row = await self._read(lambda db: db.execute(sql, (digest,)).fetchone())
        return None if row is None else Session(*row)

    async def see_session(self, digest: str, now: float) -> None:
        sql = "UPDATE session SET seen = max(seen, ?) WHERE digest = ?"
        await self._writer.call(lambda db: db.execute(sql, (now, digest)).rowcount, durable=False)

    async def end_session(self, digest: str) -> None:
        sql = "DELETE FROM session WHERE digest = ?"
        await self._writer.call(lambda db: db.execute(sql, (digest,)).rowcount)


def _begin(db: sqlite3.Connection, session: Session, began: float, seen: float) -> None:
    db.execute("DELETE FROM session WHERE began < ? OR seen < ?", (began, seen))
    db.execute(
        "INSERT INTO session (digest, mark, began, seen) VALUES (?, ?, ?, ?)",
        (session.digest, session.mark, session.began, session.seen),
    )
    newest = "SELECT digest FROM session ORDER BY began DESC, digest LIMIT ?"
    db.execute(f"DELETE FROM session WHERE digest NOT IN ({newest})", (MOST,))  # noqa: S608 - both are ours
