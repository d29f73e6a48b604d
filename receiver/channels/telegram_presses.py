"""A press of a Telegram button as it comes over the wire: whether Telegram sent it, and what it says.

Telegram signs nothing; it sends the secret that was given to it with setWebhook. What a button says can be anything at
all, since clients are not Telegram's alone: it is sealed, and its seal is looked at.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, Field

from receiver.channels.buttons import Press, unseal
from receiver.channels.fitting import one_line, plain
from receiver.channels.telegram import Telegram

_NAME_MOST = 60
_ALERT_MOST = 200


class _User(BaseModel):
    id: int
    first_name: str = ""
    username: str = ""


class Query(BaseModel):
    """A press."""

    id: Annotated[str, Field(min_length=1, max_length=64)]
    from_: Annotated[_User, Field(alias="from")]
    data: Annotated[str, Field(max_length=256)] = ""

    @property
    def by(self) -> str:
        """Who it was, for the journal and the thread: the name can be chosen, the id cannot."""
        said = self.from_.username or self.from_.first_name
        name = one_line(plain(said, _NAME_MOST))[:_NAME_MOST]
        return f"{name or 'somebody'} (Telegram {self.from_.id})"


class Update(BaseModel):
    """What of an update is needed; `update_id` counts up."""

    update_id: Annotated[int, Field(ge=0, le=2**53)]
    callback_query: Query | None = None


def senders(channels: Iterable[Telegram], secret: str) -> tuple[Telegram, ...]:
    """The channels whose webhook has this secret; all are asked, so that time tells nothing."""
    given = _digest(secret)
    return tuple(channel for channel in channels if hmac.compare_digest(_known(channel), given))


def _known(channel: Telegram) -> bytes:
    secret = channel.webhook_secret
    return b"" if secret is None else _digest(secret.get_secret_value())


def pressed(channels: Iterable[Telegram], query: Query) -> tuple[Telegram, Press] | None:
    """The channel that the button was made for, and what it says."""
    for channel in channels:
        if channel.webhook_secret is not None:
            press = unseal(query.data, channel.webhook_secret, channel.place)
            if press is not None:
                return channel, press
    return None


def answer(query: Query, text: str) -> dict[str, object]:
    """What is shown to who pressed, and to nobody else."""
    return {"callback_query_id": query.id, "text": text[:_ALERT_MOST], "show_alert": True}


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
