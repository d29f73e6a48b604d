"""The journal of a backtest: SQLite in memory, on the loop's own thread.

The receiver's writer is a thread of its own so that a sync holds nobody up. Here nothing is synced and nobody else
waits, and a month of history asks so often that handing each question over would take most of the time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from receiver.journal.sqlite import SqliteJournal
from receiver.journal.sqlite.schema import connect
from receiver.journal.sqlite.writer import Steps, Writer

T = TypeVar("T")


class InlineWriter(Writer):
    """Each request is a transaction of its own, done when it is asked for."""

    def __init__(self) -> None:
        super().__init__(None)
        self._memory = connect(None)

    @property
    def memory(self) -> sqlite3.Connection:
        return self._memory

    async def walk(self, work: Callable[[sqlite3.Connection], Steps[T]]) -> T:
        return self._alone(lambda db: _to_its_end(work(db)))

    async def call(self, work: Callable[[sqlite3.Connection], T], *, durable: bool = True) -> T:
        return self._alone(work)

    async def stop(self) -> None:
        self.closed = True
        self._memory.close()

    def _alone(self, work: Callable[[sqlite3.Connection], T]) -> T:
        self._memory.execute("BEGIN")
        try:
            found = work(self._memory)
        except BaseException:
            self._memory.execute("ROLLBACK")
            raise
        self._memory.execute("COMMIT")
        return found


def journal_in_memory() -> SqliteJournal:
    """An empty one."""
    journal = SqliteJournal(InlineWriter(), None, None)
    journal.name = "backtest"
    return journal


def _to_its_end(steps: Steps[T]) -> T:
    try:
        errand = next(steps)
        while True:
            errand = steps.send(errand())
    except StopIteration as end:
        found: T = end.value
        return found
