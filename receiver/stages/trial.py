"""A message that an operator sends to see whether a channel works: through the channel's own code, past the outbox.

What the service answered is shown, without the channel's own secrets; the journal keeps who tried what.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from pydantic import SecretStr

from prunella.redaction import printable
from receiver.channels import CHANNELS
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.journal import Event
from receiver.registry import name_of
from receiver.stages.context import Context
from receiver.stages.sender import hand_over
from receiver.stages.telling import in_their_words
from receiver.tools import MAX_BODY, Http, OutsideError, Response

SHOWN_MOST = 300  # characters of an answer


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one test message; `answers` are the service's own words."""

    channel: str
    kind: str
    error: str | None
    answers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overhearing:
    """Http, and what was answered."""

    inner: Http
    answers: list[Response | OutsideError] = field(default_factory=list)

    async def request(
        self,
        method: str,
        url: str,
        *,
        timeout: float,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body: int = MAX_BODY,
    ) -> Response:
        try:
            answer = await self.inner.request(
                method, url, timeout=timeout, headers=headers, body=body, max_body=max_body
            )
        except OutsideError as error:
            self.answers.append(error)
            raise
        self.answers.append(answer)
        return answer


async def try_channels(context: Context, names: tuple[str, ...], by: str) -> tuple[Trial, ...]:
    """One message to each, at once. Raises JournalUnavailable."""
    trials = await asyncio.gather(*(_try(context, name, by) for name in names))
    rows = [
        Event("tested", {"channel": one.channel, "by": by, "ok": one.error is None})
        for one in trials
    ]
    await context.journal.record(rows, (), context.now())
    return tuple(trials)


async def _try(context: Context, name: str, by: str) -> Trial:
    channel = context.settings().channels[name]
    heard = Overhearing(context.tools.http)
    error = None
    try:
        notice = in_their_words(context, name, channel, _notice(context, name, by))
        await hand_over(channel, notice, replace(context.tools, http=heard))
    except ChannelError as refused:
        error = str(refused)
    hidden = tuple(_secrets(channel))
    answers = tuple(_shown(answer, hidden) for answer in heard.answers)
    kind = name_of(CHANNELS, channel) if type(channel) in CHANNELS.values() else "?"
    return Trial(name, kind, error, answers)


def _notice(context: Context, name: str, by: str) -> Notice:
    where = context.settings().environment
    return Notice(
        event="test",
        incident=0,
        episode="",
        step="",
        severity="info",
        title=f"[test] Prunella reaches {name}",
        text=f"A test message, asked for by {by}. Nothing is broken, nothing is to be done.",
        at=context.now(),
        dedup_key=f"prunella-{context.journal.name}-test-{secrets.token_hex(6)}",
        facts={"Environment": where} if where else {},
        ended=True,
    )


def _shown(answer: Response | OutsideError, hidden: tuple[str, ...]) -> str:
    if isinstance(answer, OutsideError):
        text = str(answer)
    else:
        text = f"{answer.status} {answer.body.decode(errors='replace')}".strip()
    for secret in hidden:
        text = text.replace(secret, "***")
    clean = printable(text)
    return clean if len(clean) <= SHOWN_MOST else f"{clean[:SHOWN_MOST]}…"


def _secrets(channel: Channel) -> Iterator[str]:
    """Every secret, and the parts of those that are addresses: a service may quote one of them."""
    for name in type(channel).model_fields:
        value = getattr(channel, name)
        if isinstance(value, SecretStr):
            secret = value.get_secret_value()
            yield secret
            yield from (part for part in secret.split("/") if len(part) >= 8)
