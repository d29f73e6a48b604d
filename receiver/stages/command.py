"""What a human may say of an incident. Read, judged and written at once, so that a late click meets a 409."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from receiver.decide.incident import MOVES, Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Conflict, Move
from receiver.stages.context import Context, event_of
from receiver.stages.notify import letters
from receiver.stages.proposal import propose

_OPEN_TO_ACK = frozenset(State) - {State.RESOLVED, State.EXPIRED}

Said = Callable[[Incident, str, Context], Move]  # the incident as it is, who says it


async def acknowledge(incident: int, by: str, context: Context, token: str = "") -> Incident:
    """Somebody has it: the escalation stops. Raises Conflict when it is closed, LookupError when there is none.

    `token` is the name of whose token it came with, where that is not who says it.
    """
    return await _say(partial(_acknowledged, token=token), incident, by, context)


async def approve(incident: int, by: str, context: Context) -> Incident:
    """Permits exactly the plan that was asked for; the guards are asked once more. Raises Conflict, LookupError."""
    return await _say(_approved, incident, by, context)


async def deny(incident: int, by: str, context: Context) -> Incident:
    """A human takes it from here; what was only due is over with that. Raises Conflict, LookupError."""
    return await _say(_denied, incident, by, context)


async def resolve(incident: int, by: str, context: Context) -> Incident:
    """A human says it is over. Raises Conflict while an action is under way, LookupError."""
    return await _say(_resolved, incident, by, context)


async def _say(said: Said, incident: int, by: str, context: Context) -> Incident:
    def change(before: Incident) -> Move:
        return said(before, by, context)

    return await context.journal.command(incident, change, context.now())


def _acknowledged(before: Incident, by: str, context: Context, token: str = "") -> Move:
    if before.state not in _OPEN_TO_ACK:
        raise Conflict(f"incident {before.id} is {before.state}: there is nothing to acknowledge")
    if before.acknowledged_by is not None:
        return Move(before)
    after = changed(before, acknowledged_by=by)
    if before.state is State.ESCALATED:
        after = after.moved(State.ACKNOWLEDGED, Reason.OPERATOR, context.now())
    told = letters(context, after, "acknowledged", f"{by} has it.")
    through = {"token": token} if token else {}
    event = event_of("acknowledged", after, by=by, **through)
    return Move(after, (event,), told, due=context.now())


def _approved(before: Incident, by: str, context: Context) -> Move:
    _waits(before)
    proposal, now = propose(before), context.now()
    after = before.moved(State.GATING, Reason.OPERATOR, now, approval=proposal.digest)
    told = letters(
        context, after, "approved", f"{by} approved it: {proposal.words}.", about=proposal.digest
    )
    return Move(after, (event_of("approved", after, by=by),), told, due=now)


def _denied(before: Incident, by: str, context: Context) -> Move:
    _waits(before)
    to, word = State.ESCALATED, "escalated"
    if before.scheduled:
        to, word = State.RESOLVED, "resolved"
    after = before.moved(to, Reason.APPROVAL_DENIED, context.now())
    told = letters(context, after, word, f"{by} denied the action: a human has to look.")
    events = (
        event_of("denied", after, by=by),
        event_of(word, after, reason=str(Reason.APPROVAL_DENIED)),
    )
    return Move(after, events, told, due=context.now())


def _resolved(before: Incident, by: str, context: Context) -> Move:
    if State.RESOLVED not in MOVES[before.state]:
        raise Conflict(f"incident {before.id} is {before.state}: it cannot be resolved by hand now")
    after = before.moved(State.RESOLVED, Reason.OPERATOR, context.now())
    told = letters(context, after, "resolved", f"{by} resolved it.")
    event = event_of("resolved", after, reason=str(Reason.OPERATOR), by=by)
    return Move(after, (event,), told, closes_episodes=True)


def _waits(incident: Incident) -> None:
    if incident.state is not State.AWAITING_APPROVAL:
        raise Conflict(
            f"incident {incident.id} is {incident.state}: it does not wait for an approval"
        )


SAID: Mapping[str, Said] = {
    "acknowledge": _acknowledged,
    "approve": _approved,
    "deny": _denied,
    "resolve": _resolved,
}
