"""How an incident begins: everything that is decided the moment it opens is written with its opening.

Asked by the journal inside the transaction of the delivery, so that nothing but the guards is left to do for what may
be acted on, and nothing at all for what may not; and by `plan` for what is opened by hand or opened again.
"""

from __future__ import annotations

from receiver.decide.guards import Freeze
from receiver.decide.incident import Incident, State
from receiver.decide.plan import Playbook
from receiver.decide.reason import Reason
from receiver.journal import NEVER, Move, Reception, Ruling
from receiver.stages.context import Context, event_of, playbook_of
from receiver.stages.notify import letters, policy_of

_NO_PLAYBOOK = (str(Reason.NO_PLAYBOOK),)  # thousands of incidents begin with it


def reception(context: Context) -> Reception:
    """What the alerts of one delivery meet; all that it opens begins at one moment."""
    now = context.now()
    return Reception(
        opens=lambda incident: opening(incident, context, now),
        storm=context.settings().limits.limits.storm,
        page=lambda incident, freeze: _page(incident, freeze, context),
    )


def opening(incident: Incident, context: Context, now: float) -> Move:
    """Before the guards, waiting for `for`, or straight to a human when there is nothing that may be acted on."""
    if incident.reason is Reason.NO_PLAYBOOK:
        return _only_told(incident, context, now)
    if incident.reason is Reason.UNKNOWN_TARGET:
        return _nothing_to_touch(incident, context, now)
    book = playbook_of(incident)
    told = letters(context, incident, "opened", _words(incident, book))
    if book.for_ <= 0:
        return Move(incident.moved(State.GATING, Reason.FIRING, now), (), told)
    after = incident.moved(State.HOLD, Reason.HOLDING, now)
    target = incident.targets[0] if incident.targets else ""
    waits = event_of("refused", after, reason=str(Reason.HOLDING), target=target)
    return Move(after, (waits,), told, due=now + book.for_)


def next_call(incident: Incident, context: Context) -> float:
    """When an escalated incident calls somebody besides those who were called with it; NEVER is nobody."""
    policy = policy_of(context, incident)
    if not policy.steps:
        return NEVER
    call = policy.call(policy.at_once)
    return NEVER if call is None else incident.progress.since + call[0]


def _only_told(incident: Incident, context: Context, now: float) -> Move:
    reason = Reason.NO_PLAYBOOK
    after = incident.moved(State.ESCALATED, reason, now, refused=_NO_PLAYBOOK)
    told = letters(context, after, "opened", "No playbook answers this alert: a human has to.")
    refused = event_of("refused", after, reason=_NO_PLAYBOOK[0], target="")
    return Move(after, (refused,), told, due=next_call(after, context))


def _nothing_to_touch(incident: Incident, context: Context, now: float) -> Move:
    reason = Reason.UNKNOWN_TARGET
    after = incident.moved(State.ESCALATED, reason, now)
    why = "No target in the config has matchers that hold for this alert, so nothing was touched."
    told = (
        *letters(context, incident, "opened", f"Playbook {incident.playbook} answers."),
        *letters(context, after, "escalated", why),
    )
    refused = event_of("refused", incident, reason=str(reason), target="")
    escalated = event_of("escalated", after, reason=str(reason))
    return Move(after, (refused, escalated), told, due=next_call(after, context))


def _words(incident: Incident, book: Playbook) -> str:
    if incident.unprompted and book.for_:
        return f"It will be begun in {book.for_:g} s."
    if incident.unprompted:
        return "It is begun now."
    if not incident.progress.returns:
        return f"Playbook {book.name} answers."
    rung = book.ladder[incident.rung].name
    return f"It is back: the repair did not last. Playbook {book.name} goes on with {rung}."


def _page(incident: Incident, freeze: Freeze, context: Context) -> Ruling:
    """One message when a storm begins, and one for when it is over."""
    rate, about = context.settings().limits.limits.storm, f"{freeze.scope}-{freeze.until}"
    text = (
        f"{rate.count} incidents were opened within {rate.window:.0f} s: nothing is repaired until"
        " it is over, because so many at once have one cause. A human has to look for it."
    )
    return Ruling(
        Move(incident),
        freeze=freeze,
        frozen_letters=letters(context, incident, "frozen", text, about=about),
        thawed_letters=letters(
            context, incident, "thawed", "The storm is over: repairs go on.", about=about
        ),
    )
