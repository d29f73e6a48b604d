"""A press of a Slack button as it comes over the wire: whether Slack sent it, and what it says.

Slack signs the raw body with its time, so that a request can neither be changed nor kept for later. What is in it is read
only after that.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import parse_qs

from pydantic import BaseModel, Field

from receiver.channels.buttons import Press, unseal
from receiver.channels.fitting import one_line, plain
from receiver.channels.slack import Slack

LATEST = 300.0  # seconds; as Slack itself advises
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_NAME_MOST = 60


class _User(BaseModel):
    id: Annotated[str, Field(max_length=40)]
    username: str = ""


class _Action(BaseModel):
    value: Annotated[str, Field(max_length=2000)] = ""
    action_ts: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0


class Interaction(BaseModel):
    """What of an interaction is needed; Slack sends much more."""

    type: str
    user: _User
    actions: tuple[_Action, ...] = ()
    response_url: Annotated[str, Field(max_length=2000)] = ""

    @property
    def by(self) -> str:
        """Who it was, for the journal and the thread: the name can be chosen, the id cannot."""
        name = one_line(plain(self.user.username, _NAME_MOST))[:_NAME_MOST]
        return f"{name or 'somebody'} (Slack {self.user.id})"


def is_well_formed(timestamp: str, signature: str) -> bool:
    """Whether the two headers can be Slack's at all; asked before the body is read."""
    return bool(_TIMESTAMP.fullmatch(timestamp) and _SIGNATURE.fullmatch(signature))


def is_late(timestamp: str, now: float) -> bool:
    """Whether it was signed too long ago, or is yet to be."""
    return abs(now - int(timestamp)) > LATEST


def signers(
    channels: Iterable[Slack], timestamp: str, signature: str, body: bytes
) -> tuple[Slack, ...]:
    """The channels whose app signed this; all are asked, so that time tells nothing."""
    message = b"v0:" + timestamp.encode() + b":" + body
    found = []
    for channel in channels:
        if channel.signing_secret is not None:
            key = channel.signing_secret.get_secret_value().encode()
            digest = hmac.new(key, message, hashlib.sha256).hexdigest()
            if hmac.compare_digest(f"v0={digest}", signature):
                found.append(channel)
    return tuple(found)


def interaction_of(body: bytes) -> Interaction | None:
    """What was pressed by whom; None for another interaction. Raises ValueError for what Slack does not send."""
    form = parse_qs(body.decode(errors="strict"), max_num_fields=10)
    (payload,) = form["payload"] if len(form.get("payload", ())) == 1 else ("",)
    interaction = Interaction.model_validate_json(payload)
    return interaction if interaction.type == "block_actions" else None


def pressed(
    channels: Iterable[Slack], interaction: Interaction
) -> tuple[Slack, Press, float] | None:
    """The channel that the button was made for, what it says and when it was pressed."""
    for action in interaction.actions[:1]:
        for channel in channels:
            if channel.signing_secret is not None:
                press = unseal(action.value, channel.signing_secret, channel.place)
                if press is not None:
                    return channel, press, action.action_ts
    return None
