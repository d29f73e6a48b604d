"""STEP_FAILED, NEXT_RUNG, INCONCLUSIVE and ESCALATED: up the ladder, or to a human and from one to the next."""

from __future__ import annotations

from receiver.consistency import build_action
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Claim, Move
from receiver.stages.context import Context, commit, playbook_of
from receiver.stages.guard import escalate
from receiver.stages.notify import escalation_letters, letters, policy_of
from receiver.stages.plan import LOOK_AGAIN, finish

MOST_ATTEMPTS = 2  # of an action that failed before it began


async def step_failed(claim: Claim, context: Context) -> Claim | None:
    """Tried again only when it surely never began; otherwise the next rung's turn."""
    incident, now = claim.incident, context.now()
    if incident.reason is Reason.NOT_STARTED and incident.tries < MOST_ATTEMPTS:
        back = incident.moved(State.GATING, Reason.NOT_STARTED, now)
        return await commit(context, claim, Move(changed(back, attempt=incident.attempt + 1)))
    rung = playbook_of(incident).ladder[incident.rung]
    if (
        build_action(rung.action, rung.options).gives_up
        and incident.reason is not Reason.NOT_STARTED
    ):
        return await escalate(claim, context, incident.reason)
    about = f"{incident.rung}.{incident.attempt}"
    told = letters(context, incident, "ineffective", f"The action {incident.reason}.", about=about)
    return await commit(
        context, claim, Move(incident.moved(State.NEXT_RUNG, incident.reason, now), (), told)
    )


async def next_rung(claim: Claim, context: Context) -> Claim | None:
    """The next mildest action, if there is one."""
    incident = claim.incident
    rung = incident.rung + 1
    if rung >= len(playbook_of(incident).ladder):
        return await escalate(claim, context, Reason.RUNGS_EXHAUSTED)
    after = incident.moved(
        State.GATING,
        incident.reason,
        context.now(),
        target=0,
        approval="",
        result="",
        tried_before=0,
    )
    return await commit(context, claim, Move(changed(after, rung=rung, attempt=1)))


async def inconclusive(claim: Claim, context: Context) -> Claim | None:
    """What could not be seen, or may have been done, is a human's to judge."""
    return await escalate(claim, context, claim.incident.reason)


async def escalated(claim: Claim, context: Context) -> Claim | None:
    """Until somebody acknowledges it, the next one is called in time; it ends with the alert."""
    incident, now = claim.incident, context.now()
    if not claim.firing:
        return await finish(claim, context, Reason.RESOLVED)
    policy, waited = policy_of(context, incident), now - incident.progress.since
    level = max(incident.progress.level, policy.at_once)  # those at once were told with it
    call = policy.call(level)
    if call is None or incident.acknowledged_by is not None:  # while the repair was still going on
        return await commit(context, claim, Move(incident, due=now + LOOK_AGAIN))
    if waited < call[0]:
        return await commit(context, claim, Move(incident, due=incident.progress.since + call[0]))
    text = f"Nobody has acknowledged for {waited:.0f} s."
    following = policy.following(level, waited)
    after = changed(incident, progress=changed(incident.progress, level=following))
    told = escalation_letters(context, incident, text, level)
    return await commit(context, claim, Move(after, (), told, due=now))
