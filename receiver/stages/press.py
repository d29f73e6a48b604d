"""What a press of a button brings about: the same as the word said over the API, if it is still the answer to what is asked.

A button stays where it was sent, for years, and a request can be sent again. So a press is held against the incident in
the transaction that would change it: approve and deny against the one question that stands, with its plan and its end, the
others against the episode. After that the question is answered, or the episode over, whichever receiver hears it again.
Only a pause can be taken back, so that every press of it is written down and counts once.
"""

from __future__ import annotations

from dataclasses import dataclass

from prunella.logs import create_logger
from receiver.channels.buttons import Press, episode_mark
from receiver.decide.incident import CLOSED, Incident, State
from receiver.journal import Conflict, Move
from receiver.stages.command import SAID
from receiver.stages.context import Context
from receiver.stages.notify import letters
from receiver.stages.proposal import Proposal, propose
from receiver.stages.question import ends, was_asked

_ANSWERS = frozenset({"approve", "deny"})
_DONE = {
    "approve": "Approved. The guards are asked once more, then it begins.",
    "deny": "Denied. Nothing is done by itself any more.",
    "resolve": "Resolved.",
    "pause": "Paused. No repair begins until somebody resumes.",
}

log = create_logger("prunella.receiver.press")


@dataclass(frozen=True, slots=True)
class Pressed:
    """By whom, and when as the service that says so counts: no two presses have the same."""

    by: str
    service: str
    moment: float


async def say(said: Press, by: str, context: Context) -> Incident:
    """A word about an incident, held against what is asked now. Raises Conflict, LookupError."""

    def change(before: Incident) -> Move:
        _still(before, said, context.now())
        return SAID[said.word](before, by, context)

    return await context.journal.command(said.incident, change, context.now())


async def press(said: Press, pressed: Pressed, context: Context) -> str:
    """Does it, and says in words what became of it."""
    try:
        if said.word == "pause":
            after = await _pause(said, pressed, context)
        else:
            after = await say(said, pressed.by, context)
    except (Conflict, LookupError) as refused:
        log.warning(
            "a press changed nothing",
            incident=said.incident,
            word=said.word,
            by=pressed.by,
            why=str(refused),
        )
        return f"Nothing was done: {refused}."
    log.info("a button was pressed", incident=said.incident, word=said.word, by=pressed.by)
    return done(said.word, after)


def done(word: str, after: Incident) -> str:
    """What has become of it, for who said it."""
    return _DONE.get(word, f"{after.acknowledged_by} has incident {after.id}.")


def question_that_stands(before: Incident, nonce: str, now: float) -> Proposal:
    """What is asked right now, if the nonce is that question's. Raises Conflict."""
    about = f"incident {before.id}"
    if before.state is not State.AWAITING_APPROVAL:
        raise Conflict(f"{about} is {before.state}: it does not wait for an approval")
    if not was_asked(before, nonce):
        raise Conflict(f"{about} was asked about anew since: use the newest message")
    proposal = propose(before)
    if not nonce.startswith(f"{proposal.digest}."):
        raise Conflict(f"the plan of {about} has changed since it was asked")
    if now >= ends(before):
        raise Conflict(f"the question about {about} has expired")
    return proposal


def _still(before: Incident, said: Press, now: float) -> None:
    """Raises Conflict for what is no answer any more."""
    if said.word in _ANSWERS:
        question_that_stands(before, said.bound, now)
    elif said.bound != episode_mark(before.episode):
        raise Conflict(f"incident {before.id} has come back since: use the newest message")
    elif said.word == "pause" and before.state in CLOSED:
        raise Conflict(f"incident {before.id} is {before.state}")


async def _pause(said: Press, pressed: Pressed, context: Context) -> Incident:
    before = await context.journal.incident(said.incident)
    if before is None:
        raise LookupError(f"there is no incident {said.incident}")
    _still(before, said, context.now())
    if not await context.journal.tick(f"pause-{pressed.service}", pressed.moment):
        raise Conflict("this press was counted already")
    why = f"a button of incident {said.incident}"
    await context.journal.pause(pressed.by, why, context.now())
    return await context.journal.command(
        said.incident, lambda at: _told_of_pause(at, said, pressed, context), context.now()
    )


def _told_of_pause(before: Incident, said: Press, pressed: Pressed, context: Context) -> Move:
    """The switch itself is thrown already. As news: a freeze would call somebody, and nothing would end that call."""
    _still(before, said, context.now())
    text = f"{pressed.by} paused all repairs: none begins until somebody resumes."
    about = f"paused-{pressed.service}-{pressed.moment}"
    return Move(before, (), letters(context, before, "acted", text, about=about))
