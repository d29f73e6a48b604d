"""What the gate of a rollback is asked about, gathered from the ledger, Prometheus, Alertmanager and our own alerts.

Everything that is measured here may be missing: then it is None, and the gate asks a human.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import isnan

from receiver.actions.rollback import Rollback
from receiver.decide.going_back import attempts, unsettled
from receiver.decide.guards import Answer, Decision
from receiver.decide.matchers import matches_all, quoted
from receiver.decide.plan import Mode, select
from receiver.decide.reason import Reason
from receiver.decide.release import Release, current
from receiver.decide.rollback import RollbackFacts, by_hand, may_roll_back
from receiver.decide.trust import mode_of
from receiver.decide.values import changed
from receiver.stages.context import Context
from receiver.stages.hearing import active_alerts
from receiver.stages.proposal import Proposal, propose, stance_of
from receiver.stages.releases import service_of
from receiver.strategies.base import GateSettings, Strategy
from receiver.targets import Target
from receiver.tools import OutsideError

# how often the window before the deploy is looked at; half of the looks have to have seen something
LOOKS = 30
PATIENCE = 5.0


async def at_the_gate(proposal: Proposal, context: Context) -> tuple[Proposal, Decision | None]:
    """What the releases of the target say to what is proposed, and the proposal with the version that it goes back to:
    another version is another plan. None: nothing."""
    target = context.settings().targets.get(proposal.target)
    if target is None or target.release is None:
        return proposal, None
    releases = await context.journal.releases(target.name)
    past = await context.journal.rollbacks(target.name)
    if unsettled(releases, past) is not None and not proposal.incident.manual:
        return proposal, Decision(Answer.WAIT, Reason.FROZEN)
    if not isinstance(proposal.action, Rollback):
        return proposal, None
    facts = await facts_of(proposal, target.release, context)
    if facts.goes_to is not None:
        incident = proposal.incident
        progress = changed(incident.progress, shown=facts.goes_to.version)
        proposal = propose(changed(incident, progress=progress))
    approved = facts.vouched or proposal.approved
    return proposal, may_roll_back(replace(facts, approved=approved))


async def facts_of(
    proposal: Proposal, strategy: Strategy, context: Context, but: str = ""
) -> RollbackFacts:
    """Read now; the rollback that the action `but` began is not counted."""
    target, gate = context.settings().targets[proposal.target], strategy.gate
    assert isinstance(proposal.action, Rollback)  # noqa: S101 - who calls has asked
    releases = await context.journal.releases(target.name)
    stance = stance_of(proposal, context.settings())
    mode = mode_of(stance, await context.journal.grants(stance.playbook))
    facts = RollbackFacts(
        now=context.now(),
        releases=releases,
        alert_began=None,
        armed=mode is Mode.AUTO,
        approved=proposal.approved,
        within=gate.within,
        soak=strategy.soak,
        locked=await strategy.locked(),
        wanted=proposal.action.wanted(strategy),
        attempts=attempts(await context.journal.rollbacks(target.name), but),
        max_per_deploy=gate.max_per_deploy,
        max_per_day=gate.max_per_day,
    )
    if proposal.incident.manual:
        return by_hand(facts)
    serving = current(releases)
    if serving is None:
        return facts
    return await _Seen(context, target, gate, serving, facts).whole(proposal.incident.id)


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is looked at for one release that serves."""

    context: Context
    target: Target
    gate: GateSettings
    serving: Release
    facts: RollbackFacts

    async def whole(self, incident: int) -> RollbackFacts:
        alerts = [one for one in await self.context.journal.alerts(incident) if one.open]
        names = {one.labels.get("alertname", "") for one in alerts}
        healthy, traffic, elsewhere = await asyncio.gather(
            self._healthy(), self._traffic(), self._elsewhere(names)
        )
        return replace(
            self.facts,
            alert_began=min((min(one.starts_at, one.opened_at) for one in alerts), default=None),
            healthy_before=None if healthy is None else healthy >= 1,
            enough_traffic=None if traffic is None else traffic >= self.gate.min_traffic,
            failing_elsewhere=elsewhere,
            dependency=await self._dependency(),
        )

    async def _healthy(self) -> float | None:
        """The worst moment of the window before the deploy."""
        if self.gate.healthy is None:
            return None
        window = self._window(self.gate.healthy)
        seen = f"count_over_time({window}) >= {LOOKS // 2}"
        return await self._least(f"min_over_time({window}) and {seen}")

    async def _traffic(self) -> float | None:
        """Requests a second in that window."""
        if self.gate.traffic is not None:
            return await self._least(f"avg_over_time({self._window(self.gate.traffic)})")
        of_it = f"http_requests_total{{service={quoted(service_of(self.target))}}}"
        before = f"[{_span(self.gate.healthy_before)}] @ {self.serving.deployed_at:.3f}"
        return await self._least(f"sum(rate({of_it}{before}))")

    def _window(self, expr: str) -> str:
        step = self.gate.healthy_before / LOOKS
        at = f"@ {self.serving.deployed_at:.3f}"
        return f"({expr})[{_span(self.gate.healthy_before)}:{_span(step)}] {at}"

    async def _least(self, expr: str) -> float | None:
        prometheus = self.context.tools.prometheus
        if prometheus is None:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                values = await prometheus.query(expr)
        except (OutsideError, TimeoutError):
            return None
        return None if any(map(isnan, values)) else min(values, default=None)

    async def _elsewhere(self, names: set[str]) -> bool | None:
        """Whether the same alerts fire on targets that serve another version, or none that is known."""
        serving = [one for one in await self.context.journal.serving() if one.serves]
        versions = {one.target: one.version for one in serving}
        ours = [alert.labels for alert in await self.context.journal.open_alerts()]
        active, complete = await active_alerts(self.context, PATIENCE)
        for labels in (*ours, *(alert.labels for alert in active)):
            if labels.get("alertname", "") in names and self._is_of_another(labels, versions):
                return True
        return False if complete else None

    def _is_of_another(self, labels: Mapping[str, str], versions: Mapping[str, str]) -> bool:
        selected = select(labels, tuple(self.context.settings().targets.values()))
        if self.target.name in selected:
            return False
        return any(versions.get(name) != self.serving.version for name in selected)

    async def _dependency(self) -> str | None:
        """An open alert that `gate.blocked_by` names."""
        if not self.gate.blocked_by:
            return None
        alerts = await self.context.journal.open_alerts()
        named = (one.labels for one in alerts if matches_all(self.gate.blocked_by, one.labels))
        return next((labels.get("alertname", "?") for labels in named), None)


def _span(seconds: float) -> str:
    """As PromQL writes it; it knows no fractions but in milliseconds."""
    return f"{max(1, round(seconds * 1000))}ms"
