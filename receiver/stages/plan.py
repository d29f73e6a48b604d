"""OPEN and HOLD: what was heard is first told, then waited for (`for`), then put before the guards."""

from __future__ import annotations

from collections.abc import Iterable

from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.journal import Claim, Conflict, IncidentAlert, Move
from receiver.stages.context import Context, commit, event_of, playbook_of
from receiver.stages.notify import letters
from receiver.stages.opening import opening

LOOK_AGAIN = 3600.0  # an incident that waits for the world is nudged by it; this is only a net


async def plan(claim: Claim, context: Context) -> Claim | None:
    """What was opened by hand or again; what an alert opens for the first time has begun with its delivery."""
    if not claim.firing:
        return await finish(claim, context, Reason.RESOLVED)
    return await commit(context, claim, opening(claim.incident, context, context.now()))


async def hold(claim: Claim, context: Context) -> Claim | None:
    """Still firing after `for`? Then the guards; gone? Then it is over and nobody was disturbed."""
    incident, now = claim.incident, context.now()
    if not claim.firing:
        return await finish(claim, context, Reason.RESOLVED)
    until = incident.progress.since + playbook_of(incident).for_
    if now < until:
        return await commit(context, claim, Move(incident, due=until))
    return await commit(context, claim, Move(incident.moved(State.GATING, Reason.FIRING, now)))


async def watch(claim: Claim, context: Context) -> Claim | None:
    """ACKNOWLEDGED and SHADOW: only the alert's own end, or a human's word, closes it; what a schedule would have done
    is recorded, and that is all."""
    if claim.incident.scheduled and claim.incident.state is State.SHADOW:
        return await finish(claim, context, Reason.SHADOW)
    if not claim.firing:
        return await finish(claim, context, Reason.RESOLVED)
    return await commit(context, claim, Move(claim.incident, due=context.now() + LOOK_AGAIN))


async def finish(
    claim: Claim, context: Context, reason: Reason, *, over: Iterable[IncidentAlert] = ()
) -> Claim | None:
    """Closes the incident and tells whoever heard of it; `over` are the open alerts that were seen to have ended.

    What has begun to fire since then is not closed with them: the incident is looked at once more.
    """
    ended = frozenset(alert.opened_at for alert in over if alert.open)
    after = claim.incident.moved(State.RESOLVED, reason, context.now())
    told = letters(context, after, "resolved", _closing_words(after.progress.acted))
    move = Move(
        after,
        (event_of("resolved", after, reason=str(reason)),),
        told,
        closes_episodes=bool(ended),
        over=ended,
    )
    try:
        return await commit(context, claim, move)
    except Conflict:
        return await commit(context, claim, Move(claim.incident, due=context.now()))


def _closing_words(acted: bool) -> str:
    return "Repaired, and proven." if acted else "The alert has ended."
