"""How far a long action has come, in the journal: whoever looks at the incident, or takes it over, sees it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from receiver.journal import Claim, JournalUnavailable, Move, Run
from receiver.stages.context import Context, event_of

SELDOM = 5.0  # seconds between two rows of one run
LONGEST = 500


@dataclass(slots=True)
class Progress:
    """Of one run. What is said too soon after the last is dropped, because the next says more."""

    claim: Claim
    run: Run
    context: Context
    _said_at: float = float("-inf")

    async def say(self, text: str) -> None:
        """Writes it under the fence. Raises Fenced when another receiver has taken over."""
        now = self.context.tools.clock.monotonic()
        if now - self._said_at < SELDOM:
            return
        self._said_at = now
        incident = self.claim.incident
        event = event_of(
            "progress", incident, aid=self.run.action_id, step=self.run.step, said=text[:LONGEST]
        )
        with suppress(JournalUnavailable):  # it is only a word; the work goes on
            await self.context.journal.move(
                self.claim, Move(incident, (event,)), self.context.now()
            )
