"""The part of the SQLite journal that keeps the ledger of releases and rollbacks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.sqlite import releases
from receiver.journal.sqlite.launches import SqliteLaunches
from receiver.journal.sqlite.writer import Writer

T = TypeVar("T")


class SqliteLedger(SqliteLaunches):
    """Implements `receiver.journal.ledger.Ledger`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _read(self, question: Callable[[sqlite3.Connection], T]) -> T:
        raise NotImplementedError

    async def enter(self, target: str, word: Word, now: float) -> Release:
        return await self._writer.call(lambda db: releases.enter(db, target, word, now))

    async def releases(self, target: str | None = None) -> tuple[Release, ...]:
        return await self._read(partial(releases.releases, target=target))

    async def serving(self) -> tuple[Release, ...]:
        return await self._read(releases.serving)

    async def stride(self, target: str, tread: Tread, now: float) -> Rollback:
        return await self._writer.call(lambda db: releases.stride(db, target, tread, now))

    async def rollbacks(self, target: str | None = None) -> tuple[Rollback, ...]:
        return await self._read(partial(releases.rollbacks, target=target))
