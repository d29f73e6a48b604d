"""What a journal promises of the ledger of releases."""

from __future__ import annotations

from typing import Protocol

from receiver.decide.going_back import Rollback, Tread
from receiver.decide.ledger import Word
from receiver.decide.release import Release
from receiver.journal.launches import Launches


class Ledger(Launches, Protocol):
    """The part of a Journal that knows releases. Times are unix seconds of the caller's clock."""

    async def enter(self, target: str, word: Word, now: float) -> Release:
        """Asks `word` about the target's ledger and writes its entry in one transaction; raises what `word` raises."""

    async def releases(self, target: str | None = None) -> tuple[Release, ...]:
        """Of one target or of all, in the order in which they were entered."""

    async def serving(self) -> tuple[Release, ...]:
        """What serves on any target, deploys that nobody ended, and those since whose rollback deploys are frozen: few,
        however long the ledger is."""

    async def stride(self, target: str, tread: Tread, now: float) -> Rollback:
        """Asks `tread` about the target's ledger and its rollbacks and writes the step in one transaction; raises what
        `tread` raises."""

    async def rollbacks(self, target: str | None = None) -> tuple[Rollback, ...]:
        """Of one target or of all, in the order in which they began."""
