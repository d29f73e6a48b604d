"""The part of the PostgreSQL journal that keeps the ledger of releases and rollbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.postgres import releases
from receiver.journal.postgres.launches import PostgresLaunches
from receiver.journal.postgres.session import Database
from receiver.journal.postgres.writer import Writer

T = TypeVar("T")


class PostgresLedger(PostgresLaunches):
    """Implements `receiver.journal.ledger.Ledger`, for a journal that has a writer and can be asked."""

    _writer: Writer

    async def _ask(
        self, question: Callable[[Database], Awaitable[T]], what: str = "cannot be read"
    ) -> T:
        raise NotImplementedError

    async def enter(self, target: str, word: Word, now: float) -> Release:
        return await self._writer.call(lambda unit: releases.enter(unit, target, word, now))

    async def releases(self, target: str | None = None) -> tuple[Release, ...]:
        return await self._ask(partial(releases.releases, target=target))

    async def serving(self) -> tuple[Release, ...]:
        return await self._ask(releases.serving)

    async def stride(self, target: str, tread: Tread, now: float) -> Rollback:
        return await self._writer.call(lambda unit: releases.stride(unit, target, tread, now))

    async def rollbacks(self, target: str | None = None) -> tuple[Rollback, ...]:
        return await self._ask(partial(releases.rollbacks, target=target))
