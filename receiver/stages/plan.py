"""OPEN and HOLD: what was heard is first told, then waited for (`for`), then put before the guards."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from receiver.decide.incident import Incident, State
from receiver.decide.plan import Playbook
from receiver.decide.reason import Reason
from receiver.journal import Claim, Conflict, IncidentAlert, Move
from receiver.stages.context import Context, commit, event_of, playbook_of
from receiver.stages.notify import letters

LOOK_AGAIN = 3600.0  # an incident that waits for the world is nudged by it; this is only a net


async def plan(claim: Claim, context: Context) -> Claim | None:
    """From OPEN to the guards, or straight to a human when there is nothing that may be acted on."""
    incident, now = claim.incident, context.now()
    if not claim.firing:
        return await finish(claim, context, Reason.RESOLVED)
    if incident.reason is Reason.NO_PLAYBOOK:
        return await _only_tell(claim, context)
    book = playbook_of(incident)
    told = letters(context, incident, "opened", _opening_words(incident, book))
    if incident.reason is Reason.UNKNOWN_TARGET:
        refused = event_of("refused", incident, reason=str(Reason.UNKNOWN_TARGET), target="")
        after = incident.moved(State.ESCALATED, Reason.UNKNOWN_TARGET, now)
        text = (
            "No target in the config has matchers that hold for this alert, so nothing was touched."
        )
        sent = (*told, *letters(context, after, "escalated", text))
        events = (refused, event_of("escalated", after, reason=str(Reason.UNKNOWN_TARGET)))
        return await commit(context, claim, Move(after, events, sent))
    if book.for_ > 0:
        after = incident.moved(State.HOLD, Reason.HOLDING, now)
        target = incident.targets[0] if incident.targets else ""
        waits = event_of("refused", after, reason=str(Reason.HOLDING), target=target)
        return await commit(context, claim, Move(after, (waits,), told, due=now + book.for_))
    return await commit(
        context, claim, Move(incident.moved(State.GATING, Reason.FIRING, now), (), told)
    )


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
    """ACKNOWLEDGED and SHADOW: only the alert's own end, or a human's word, closes it."""
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


def _opening_words(incident: Incident, book: Playbook) -> str:
    if incident.manual:
        return "It is begun now."
    if not incident.progress.returns:
        return f"Playbook {book.name} answers."
    rung = book.ladder[incident.rung].name
    return f"It is back: the repair did not last. Playbook {book.name} goes on with {rung}."


def _closing_words(acted: bool) -> str:
    return "Repaired, and proven." if acted else "The alert has ended."


async def _only_tell(claim: Claim, context: Context) -> Claim | None:
    incident, due = claim.incident, context.now() + LOOK_AGAIN
    reason = str(Reason.NO_PLAYBOOK)
    if reason in incident.progress.refused:
        return await commit(context, claim, Move(incident, due=due))
    after = replace(
        incident, progress=replace(incident.progress, since=context.now(), refused=(reason,))
    )
    told = letters(context, after, "opened", "No playbook answers this alert: a human has to.")
    refused = event_of("refused", after, reason=reason, target="")
    return await commit(context, claim, Move(after, (refused,), told, due=due))
