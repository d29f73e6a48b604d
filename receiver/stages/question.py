"""What waits for a human's answer: the same in the first message that asks it and in every later one of the incident."""

from __future__ import annotations

import hmac

from receiver.channels.base import Question
from receiver.decide.incident import Incident, State
from receiver.stages.context import Context, playbook_of
from receiver.stages.proposal import propose


def question_of(incident: Incident, context: Context) -> Question | None:
    """The question that stands, if there is one: whoever is told something else meanwhile can still answer it."""
    if incident.state is not State.AWAITING_APPROVAL or not incident.progress.nonce:
        return None
    page = page_of(context.settings().server.public_url, incident)
    return Question(incident.progress.nonce, propose(incident).words, ends(incident), page)


def ends(incident: Incident) -> float:
    """When the question has expired, in unix seconds."""
    return incident.progress.since + playbook_of(incident).approval_expires


def was_asked(incident: Incident, nonce: str) -> bool:
    """Whether this is the nonce of the incident's last question, answered or not."""
    known = incident.progress.nonce
    return bool(known) and hmac.compare_digest(known.encode(), nonce.encode())


def page_of(public_url: str | None, incident: Incident) -> str:
    """Where the last question can be answered without a button; nothing for a receiver that nobody reaches."""
    return f"{public_url}/answer/{incident.id}.{incident.progress.nonce}" if public_url else ""
