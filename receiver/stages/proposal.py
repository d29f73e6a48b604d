"""What would be done next for an incident, and what the guards are asked about it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from receiver.actions.base import Action
from receiver.consistency import build_action
from receiver.decide import guards, trust
from receiver.decide.guards import Facts
from receiver.decide.incident import Incident
from receiver.decide.matchers import Op
from receiver.decide.plan import Mode, Playbook, Rung
from receiver.decide.trust import Stance
from receiver.journal import Question
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context, playbook_of
from receiver.targets import Target


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be done next: one action of one rung on one target."""

    incident: Incident
    book: Playbook
    rung: Rung
    action: Action
    target: str
    digest: str  # of what an operator approves: a changed plan voids an approval

    @property
    def count(self) -> int:
        """How many targets the rung has."""
        return len(self.rung.on or self.incident.targets)

    @property
    def approved(self) -> bool:
        """Whether an operator has approved exactly this."""
        return self.incident.progress.approval == self.digest

    @property
    def words(self) -> str:
        """One line of what would be done, for whoever is asked."""
        targets = ", ".join(self.rung.on or self.incident.targets)
        options = ", ".join(
            f"{key}={json.dumps(value)}" for key, value in self.rung.options.items()
        )
        shown = self.incident.progress.shown
        whither = f" to {shown}" if self.action.shows and shown else ""
        words = f"{self.rung.action} on {targets}{whither}{f' with {options}' if options else ''}"
        return words[:300]


def propose(incident: Incident) -> Proposal:
    """The next action of the incident's ladder."""
    book = playbook_of(incident)
    rung = book.ladder[incident.rung]
    targets = rung.on or incident.targets
    target = targets[incident.progress.target] if incident.progress.target < len(targets) else ""
    action = build_action(rung.action, rung.options)
    shown = [incident.progress.shown] if action.shows else []
    parts = [incident.id, rung.model_dump(mode="json"), list(targets), *shown]
    plan = json.dumps(parts, sort_keys=True)
    digest = hashlib.sha256(plan.encode()).hexdigest()[:16]
    return Proposal(incident, book, rung, action, target, digest)


def question_of(proposal: Proposal, context: Context) -> Question:
    """All that the journal cannot know by itself."""
    settings, incident = context.settings(), proposal.incident
    target = settings.targets.get(proposal.target)
    has_facet = target is None or proposal.action.fits(target)
    return Question(
        now=context.now(),
        stance=stance_of(proposal, settings),
        target=proposal.target,
        disruptive=proposal.action.disruptive,
        target_known=target is not None,
        facet=has_facet,
        stop_file=context.stopped(),
        cooldown=proposal.book.cooldown,
        limits=settings.limits.limits,
        approved=proposal.approved,
        blocked_by=proposal.book.blocked_by,
        group=settings.group_of(proposal.target),
        stands_for=_stands_for(incident, target),
    )


def standing(facts: Facts, incident: Incident) -> Facts:
    """The facts as the guards are to see them, where no alert speaks for the incident."""
    if incident.manual:
        return guards.by_hand(facts)
    return guards.by_itself(facts) if incident.scheduled else facts


def _stands_for(incident: Incident, target: Target | None) -> Mapping[str, str] | None:
    """What a maintenance window is held against when there is no alert: the labels that the target insists on."""
    if not incident.scheduled or target is None:
        return None
    return {one.name: one.value for one in target.matchers if one.op is Op.EQUAL}


def stance_of(proposal: Proposal, settings: ReceiverSettings) -> Stance:
    """How far its own plan and today's config let it go. An operator's wish is its own approval; only a ceiling of shadow
    holds over it."""
    ceiling, book, rung = settings.mode, proposal.book, proposal.rung
    if proposal.incident.manual:
        return Stance(Mode.SHADOW if ceiling is Mode.SHADOW else Mode.AUTO, Mode.AUTO)
    if proposal.incident.scheduled:
        return Stance(ceiling, book.mode, rung.mode)
    today = trust.stance_today(ceiling, settings.playbooks, book.name, rung.name)
    return replace(trust.stance(ceiling, book, rung), today=today)
