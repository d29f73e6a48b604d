"""Whether the journal takes what is written. What can still be read says nothing about that: a full disk reads well."""

from __future__ import annotations

from prunella.logs import create_logger
from receiver import metrics
from receiver.journal import Journal, JournalUnavailable

log = create_logger("prunella.receiver.journal")


class Health:
    """Spoiled by any failure, whoever meets it; mended only by a write that succeeded."""

    def __init__(self) -> None:
        self.trouble: str | None = None
        metrics.JOURNAL_UP.set(1)  # it was opened

    def failed(self, error: JournalUnavailable) -> None:
        """Something could not be written, or not even be read."""
        if self.trouble is None:
            log.warning("the journal is gone, work waits for it", error=str(error))
        self.trouble = str(error)
        metrics.JOURNAL_UP.set(0)

    async def look_again(self, journal: Journal, now: float) -> None:
        """After a failure: one write that nothing depends on. Raises JournalUnavailable."""
        if self.trouble is None:
            return
        await journal.remember("last_proof_of_writing", str(now))
        if self.trouble is not None:  # nobody else was quicker
            self.trouble = None
            metrics.JOURNAL_UP.set(1)
            log.info("the journal is back")
