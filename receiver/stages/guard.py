"""GATING, BLOCKED and AWAITING_APPROVAL: may the rung's action begin now, and if not, who is told what.

The guards are asked inside the journal's transaction, and a yes is written there as the run itself.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace

from receiver import metrics
from receiver.decide import guards
from receiver.decide.guards import Answer, Decision, Facts, Freeze
from receiver.decide.incident import Incident, State
from receiver.decide.reason import Reason
from receiver.decide.rollback import together
from receiver.decide.values import changed
from receiver.journal import Claim, Event, Letter, Move, Ruling, Run
from receiver.stages.act import act
from receiver.stages.context import Context, commit, event_of, follow, playbook_of
from receiver.stages.gate import at_the_gate
from receiver.stages.hearing import hear
from receiver.stages.notify import called_once, letters
from receiver.stages.plan import finish
from receiver.stages.proposal import Proposal, propose, question_of, standing

LOOK_SOONEST, LOOK_LATEST = 1.0, 30.0
SAME_CAUSE = 600.0  # a group that is sick again after so long is another page


async def guard(claim: Claim, context: Context) -> Claim | None:
    """Asks, and acts at once on a yes; nothing is done, shown or asked for before Alertmanager was heard about it."""
    alone = claim.incident.unprompted or context.tools.alertmanager is None
    asked, ruling = await _ask(claim, context, heard=alone)
    if ruling.move.incident.state is State.GATING:
        await hear(claim.incident, context)
        asked, ruling = await _ask(claim, context, heard=True)
    if ruling.run is None:
        return follow(claim, ruling.move)
    if not claim.incident.unprompted:
        metrics.TIME_TO_ACT.observe(max(0.0, asked.now - claim.incident.begun_at))
    held = replace(claim, incident=ruling.move.incident)
    return await act(held, ruling.run, asked.proposal.rung, context)


async def _ask(claim: Claim, context: Context, *, heard: bool) -> tuple[_Asked, Ruling]:
    proposal, gate = propose(claim.incident), None
    if heard:
        proposal, gate = await at_the_gate(proposal, context)
    question = question_of(proposal, context)
    asked = _Asked(proposal, context, claim, question.now, heard, gate)
    return asked, await context.journal.gate(claim, question, asked.rule)


async def blocked(claim: Claim, context: Context) -> Claim | None:
    """Blocked is not the end: the guards are asked again, until the cause is gone or it has lasted too long."""
    incident, now = claim.incident, context.now()
    since = incident.progress.blocked_since
    announced = incident.reason is Reason.MAINTENANCE  # whoever works on it is a human already
    patience = playbook_of(incident).blocked_max
    if incident.scheduled and now - incident.opened_at > patience:  # its next moment comes
        return await finish(claim, context, Reason.BLOCKED_TOO_LONG)
    if not announced and since is not None and now - since > patience:
        return await escalate(claim, context, Reason.BLOCKED_TOO_LONG)
    return await commit(context, claim, Move(incident.moved(State.GATING, incident.reason, now)))


async def awaiting(claim: Claim, context: Context) -> Claim | None:
    """An approval leads back before the guards; an old question is a human's to answer."""
    incident, now = claim.incident, context.now()
    until = incident.progress.since + playbook_of(incident).approval_expires
    if incident.progress.approval or not claim.firing:
        return await commit(
            context, claim, Move(incident.moved(State.GATING, incident.reason, now))
        )
    if now >= until and incident.scheduled:
        return await finish(claim, context, Reason.APPROVAL_EXPIRED)
    if now >= until:
        return await escalate(claim, context, Reason.APPROVAL_EXPIRED)
    return await commit(context, claim, Move(incident, due=until))


async def escalate(claim: Claim, context: Context, reason: Reason) -> Claim | None:
    """Hands the incident to a human."""
    after = claim.incident.moved(State.ESCALATED, reason, context.now())
    told = letters(
        context, after, "escalated", f"Prunella stopped here: {reason}. A human has to look."
    )
    event = event_of("escalated", after, reason=str(reason))
    return await commit(context, claim, Move(after, (event,), told))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The rule that the journal applies to its facts."""

    proposal: Proposal
    context: Context
    claim: Claim
    now: float
    heard: bool  # whether Alertmanager was, just now
    gate: Decision | None = None  # what the target's releases say to it

    def rule(self, facts: Facts) -> Ruling:
        decision = together(guards.decide(standing(facts, self.proposal.incident)), self.gate)
        if not self.heard and decision.answer in {Answer.GO, Answer.ASK, Answer.SHADOW}:
            return Ruling(Move(self.proposal.incident))
        match decision.answer:
            case Answer.GO:
                return self._go()
            case Answer.OVER:
                return self._over()
            case Answer.ESCALATE:
                unable = decision.reason is Reason.FACET_MISSING and self.proposal.rung.optional
                return self._pass_by() if unable else self._hand_over(decision)
            case Answer.SHADOW | Answer.ASK | Answer.WAIT:
                return self._wait(decision)

    def _go(self) -> Ruling:
        incident, rung = self.proposal.incident, self.proposal.rung
        attempt = f"{incident.id}-{incident.rung}-{incident.attempt}-{incident.progress.target}"
        run = Run(
            action_id=f"{self.context.journal.name}-{attempt}",
            incident=incident.id,
            playbook=incident.playbook,
            episode=incident.episode,
            rung=incident.rung,
            attempt=incident.attempt,
            step=rung.name,
            kind=rung.action,
            target=self.proposal.target,
            disruptive=self.proposal.action.disruptive,
            fence=self.claim.fence,
            began_at=self.now,
        )
        after = incident.moved(State.RUNNING, Reason.ALLOWED, self.now, blocked_since=None)
        intent = event_of(
            "intent",
            incident,
            aid=run.action_id,
            step=run.step,
            kind=run.kind,
            target=run.target,
            fence=run.fence,
        )
        return Ruling(Move(after, (intent,)), run)

    def _over(self) -> Ruling:
        after = self.proposal.incident.moved(State.RESOLVED, Reason.RESOLVED, self.now)
        told = letters(self.context, after, "resolved", "The alert has ended.")
        return Ruling(Move(after, (event_of("resolved", after, reason="resolved"),), told))

    def _pass_by(self) -> Ruling:
        """The rung was meant for targets that have what it needs: the next target, or the next rung."""
        incident, following = self.proposal.incident, self.proposal.incident.progress.target + 1
        if following < self.proposal.count:
            progress = changed(incident.progress, target=following)
            return Ruling(Move(changed(incident, progress=progress)))
        return Ruling(Move(incident.moved(State.NEXT_RUNG, Reason.FACET_MISSING, self.now)))

    def _hand_over(self, decision: Decision) -> Ruling:
        after = self.proposal.incident.moved(State.ESCALATED, decision.reason, self.now)
        why = self._unfit(decision)
        text = f"Nothing was touched: {decision.reason}{f' ({why})' if why else ''}."
        told = letters(self.context, after, "escalated", text)
        if decision.reason is Reason.COMMON_CAUSE:
            told = called_once(told, after, self._cause())
        events = (
            *self._refused(decision),
            event_of(
                "escalated", after, reason=str(decision.reason), **({"detail": why} if why else {})
            ),
        )
        return Ruling(Move(after, events, told))

    def _unfit(self, decision: Decision) -> str:
        """What the target lacks, or why the action can never work on it."""
        target = self.context.settings().targets.get(self.proposal.target)
        if decision.reason is not Reason.FACET_MISSING or target is None:
            return ""
        why = self.proposal.action.unfit(target)
        return f"{self.proposal.rung.action} on {target.name}: {why}"[:500] if why else ""

    def _cause(self) -> str:
        """The key of the one page about what is sick for one reason."""
        settings, journal = self.context.settings(), self.context.journal.name
        members = settings.group_of(self.proposal.target)
        names = (name for name, group in settings.groups.items() if members == frozenset(group))
        return f"prunella-{journal}-common_cause-{next(names, '')}-{int(self.now // SAME_CAUSE)}"

    def _wait(self, decision: Decision) -> Ruling:
        to, event, due = self._waiting(decision)
        before = self.proposal.incident.progress
        after = self.proposal.incident.moved(
            to,
            decision.reason,
            self.now,
            blocked_since=self._blocked_since(decision),
            refused=(*before.refused, *self._unsaid(decision)),
            nonce=self._nonce() if decision.answer is Answer.ASK else before.nonce,
            approval="" if decision.answer is Answer.ASK else before.approval,
        )
        text = f"{self.proposal.rung.action} on {self.proposal.target}: {decision.reason}."
        told = self._letters(decision, after, event, text)
        ruling = Ruling(Move(after, self._refused(decision), told, due), freeze=decision.freeze)
        return ruling if decision.freeze is None else self._told(ruling, decision.freeze, text)

    def _told(self, ruling: Ruling, freeze: Freeze, text: str) -> Ruling:
        """One message when the scope is shut, and one for when it is open again."""
        after, about = ruling.move.incident, f"{freeze.scope}-{freeze.until}"
        again = f"{freeze.scope} may be acted on again."
        return replace(
            ruling,
            frozen_letters=letters(self.context, after, "frozen", text, about=about),
            thawed_letters=letters(self.context, after, "thawed", again, about=about),
        )

    def _letters(
        self, decision: Decision, after: Incident, event: str, text: str
    ) -> tuple[Letter, ...]:
        """Each reason is told once; but every plan is asked for by itself, and one that was asked for is not again."""
        if decision.answer is Answer.ASK:
            # told once; but what was answered and is asked again is another question
            about = f"{self.proposal.digest}-{_short(after.progress.nonce)}"
            return letters(self.context, after, event, text, about=about)
        if not self._unsaid(decision):
            return ()
        return letters(self.context, after, event, text, about=str(decision.reason))

    def _nonce(self) -> str:
        """The one of the same question when it was asked before: its letter is not written twice."""
        digest, before = self.proposal.digest, self.proposal.incident.progress
        unanswered = before.nonce.startswith(digest) and not before.approval
        return before.nonce if unanswered else f"{digest}.{secrets.token_urlsafe(9)}"

    def _waiting(self, decision: Decision) -> tuple[State, str, float]:
        if decision.answer is Answer.SHADOW:
            seen = 0.0 if self.proposal.incident.scheduled else 3600.0
            return State.SHADOW, "blocked", self.now + seen
        if decision.answer is Answer.ASK:
            expires = self.now + self.proposal.book.approval_expires
            return State.AWAITING_APPROVAL, "approval_requested", expires
        again = self.now + LOOK_LATEST
        if decision.reason is not Reason.MAINTENANCE:  # whose end is known, or told by who ends it
            waited = self.now - self._blocked_since(decision)
            again = self.now + min(LOOK_LATEST, max(LOOK_SOONEST, waited / 4))
        return State.BLOCKED, "blocked", min(again, decision.until or again)

    def _blocked_since(self, decision: Decision) -> float:
        """What `blocked_max` counts from: announced work does not count."""
        since = self.proposal.incident.progress.blocked_since
        return self.now if since is None or decision.reason is Reason.MAINTENANCE else since

    def _unsaid(self, decision: Decision) -> tuple[str, ...]:
        """A reason is said once for each incident, however often it is asked."""
        said = self.proposal.incident.progress.refused
        return () if str(decision.reason) in said else (str(decision.reason),)

    def _refused(self, decision: Decision) -> tuple[Event, ...]:
        incident = self.proposal.incident
        return tuple(
            event_of("refused", incident, reason=reason, target=self.proposal.target)
            for reason in self._unsaid(decision)
        )


def _short(nonce: str) -> str:
    """Tells two questions apart, and opens neither."""
    return hashlib.sha256(nonce.encode()).hexdigest()[:8]
