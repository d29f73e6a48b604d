"""The database's clock, read now and then and carried on by our monotonic one.

Receivers that share a journal compare each other's times: when a run began, since when something is blocked. With one
clock for all, a machine whose own is an hour off, or jumps, counts no limit wrongly and holds no lease too long.
"""

from __future__ import annotations

from prunella.service.clock import Clock
from receiver.journal.postgres.session import Database

_TRUSTED = 1.0  # an answer that took longer says too little about when it was given


class DatabaseClock:
    """A Clock whose `now` is the database's, as last read."""

    def __init__(self, own: Clock) -> None:
        self._own = own
        self._ahead: float | None = None

    def now(self) -> float:
        """Unix seconds by the database; by the machine until it was read."""
        if self._ahead is None:
            return self._own.now()
        return self._own.monotonic() + self._ahead

    def monotonic(self) -> float:
        return self._own.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._own.sleep(seconds)

    async def read(self, db: Database) -> None:
        """Asks the database; half of the way there and back is counted for the answer."""
        asked = self._own.monotonic()
        there = await db.fetchval("SELECT moment(0)")
        took = self._own.monotonic() - asked
        if self._ahead is None or took < _TRUSTED:
            self._ahead = float(there) - (asked + took / 2)
