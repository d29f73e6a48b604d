"""What a rollback writes of itself: chosen from the ledger, asked of the gate once more at the moment of the effect, and
on disk before and after each step, so that whoever takes over finds it where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from receiver import metrics
from receiver.actions.base import ActionFailed
from receiver.decide.going_back import Rollback, Tread, arrived, begun, commits, stuck
from receiver.decide.incident import Incident
from receiver.decide.ledger import NotThat
from receiver.decide.release import current
from receiver.decide.rollback import RollbackFacts, may_roll_back
from receiver.journal import Run
from receiver.stages.context import Context
from receiver.stages.gate import facts_of
from receiver.stages.proposal import propose
from receiver.strategies.base import Strategy

MOST_EVIDENCE = 20


@dataclass(frozen=True, slots=True)
class Logbook:
    """Of one run; implements `receiver.actions.base.Logbook`."""

    incident: Incident
    run: Run
    strategy: Strategy | None  # None: the config has it no longer
    context: Context

    async def planned(self) -> Rollback:
        past = await self.context.journal.rollbacks(self.run.target)
        known = next((one for one in past if one.action_id == self.run.action_id), None)
        if known is not None:
            return known
        facts = await self._facts()
        serving, goes_to = current(facts.releases), facts.goes_to
        if serving is None or goes_to is None:
            reason = may_roll_back(facts).reason
            raise ActionFailed(f"{self.run.target} is not rolled back: {reason}", started=False)
        return Rollback(
            target=self.run.target,
            release=serving.id,
            version=serving.version,
            to=goes_to.version,
            incident=self.run.incident,
            action_id=self.run.action_id,
            began_at=self.context.now(),
        )

    async def begin(self, planned: Rollback) -> Rollback:
        facts = await self._facts()
        try:
            return await self._stride(begun(planned, facts))
        except NotThat as refusal:
            raise ActionFailed(str(refusal), started=False) from refusal

    async def write(self, tread: Tread) -> Rollback:
        after = await self._stride(tread)
        if not after.under_way:
            metrics.ROLLBACKS.labels(after.target, str(after.step)).inc()
        return after

    async def arrive(self, history: str) -> Rollback:
        return await self.write(
            arrived(self.run.action_id, self.context.now(), await self._note(history))
        )

    async def _facts(self) -> RollbackFacts:
        if self.strategy is None:
            raise ActionFailed(f"{self.run.target} has no `release:` any more", started=False)
        return await facts_of(propose(self.incident), self.strategy, self.context)

    async def give_up(self, why: str) -> None:
        """The run has ended, and nobody goes on with what it began: that is a human's."""
        past = await self.context.journal.rollbacks(self.run.target)
        if any(one.action_id == self.run.action_id and one.under_way for one in past):
            await self.write(stuck(self.run.action_id, why, self.context.now()))

    async def _stride(self, tread: Tread) -> Rollback:
        now = self.context.now()
        return await self.context.journal.stride(self.run.target, tread, now)

    async def _note(self, history: str) -> Mapping[str, object]:
        """What a human wants to know afterwards: what came with the bad version, and what spoke against it."""
        releases = await self.context.journal.releases(self.run.target)
        past = await self.context.journal.rollbacks(self.run.target)
        own = next(one for one in past if one.action_id == self.run.action_id)
        alerts = await self.context.journal.alerts(self.incident.id)
        evidence = [
            f"{one.labels.get('alertname', 'alert')}: {one.annotations.get('summary', '')}"[:200]
            for one in alerts
            if one.open
        ]
        said = {
            "commits": commits(releases, own),
            "history": history[:2000],
            "evidence": evidence[:MOST_EVIDENCE],
        }
        return {key: value for key, value in said.items() if value}
