"""Tells a Discord channel by its webhook: one embed an incident, kept as the incident stands.

An edit is heard by nobody, so whatever asks a human for something comes as a message of its own as well. In a forum an
incident is a post, and all that is new is written below it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, ClassVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from pydantic import StringConstraints

from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.delivery import (
    SecretUrl,
    address,
    answer_of,
    ask,
    encode,
    patience,
    refusal,
)
from receiver.channels.discord_message import new_message, root_message, thread_name
from receiver.channels.looks import ASKING, goes_on
from receiver.channels.multipart import form
from receiver.tools import Response, Tools

_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE = 10003, 10008
_GONE = frozenset({_UNKNOWN_CHANNEL, _UNKNOWN_MESSAGE})
_CURES = {
    10003: "the thread is gone",
    10008: "the message is gone",
    10015: "the webhook was deleted: make a new one",
    50027: "the webhook's token is wrong: copy its address again",
    50035: "the message has a form that Discord does not take",
    220001: "the channel is a forum: set `forum: true`",
    220003: "the channel is no forum: leave `forum` out",
}
_Snowflake = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]


class DiscordRefused(ChannelError):
    """Discord said why, by one of its numbers."""

    code: object = None


class Discord(Channel):
    """Posts to the channel that `webhook_url` belongs to; to one of its threads with `thread_id`.

    With `forum` each incident is a post of a forum.
    """

    shows_pictures: ClassVar[bool] = True

    webhook_url: SecretUrl
    thread_id: _Snowflake | None = None
    forum: bool = False

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        root = root_message(notice, self.environment)
        known = _thread(notice)
        if known is None or not await self._edited(known, root, tools, notice.picture):
            return await self._begin(notice, root, tools)
        if self.forum or notice.event in ASKING:
            try:
                await self._call("POST", self._url(None, known[1]), new_message(notice), tools)
            except DiscordRefused as refused:
                if refused.code not in _GONE:
                    raise
                return await self._begin(notice, root, tools)
        return None

    async def _begin(self, notice: Notice, root: dict[str, object], tools: Tools) -> str | None:
        named = {"thread_name": thread_name(notice)} if self.forum else {}
        answer = await self._call("POST", self._url(), {**root, **named}, tools, notice.picture)
        message, thread = answer.get("id"), answer.get("channel_id") if self.forum else None
        if not isinstance(message, str):
            raise ChannelError("answered with 200, but not as Discord does")
        return json.dumps([message, thread]) if goes_on(notice) else None

    async def _edited(
        self,
        known: tuple[str, str | None],
        root: dict[str, object],
        tools: Tools,
        picture: bytes | None,
    ) -> bool:
        """Whether the incident's message is still there."""
        message, thread = known
        try:
            await self._call("PATCH", self._url(message, thread), root, tools, picture)
        except DiscordRefused as refused:
            if refused.code not in _GONE:
                raise
            return False
        return True

    async def _call(
        self,
        method: str,
        url: str,
        message: Mapping[str, object],
        tools: Tools,
        picture: bytes | None = None,
    ) -> Mapping[str, object]:
        body, headers = encode(message), {}
        if picture is not None:
            kind, body = form({"payload_json": body}, "files[0]", picture)
            headers["Content-Type"] = kind
        response = await ask(tools, method, url, body, timeout=self.timeout, headers=headers)
        if 200 <= response.status < 300:
            return answer_of(response)
        raise _refused(response, tools.clock.now())

    def _url(self, message: str | None = None, thread: str | None = None) -> str:
        """The webhook's address, or that of one of its messages; `wait` has Discord say what became of it."""
        parts = urlsplit(address(self.webhook_url, self.api_url))
        query = dict(parse_qsl(parts.query))
        inside = thread or self.thread_id
        if inside is not None:
            query["thread_id"] = inside
        path = parts.path.rstrip("/")
        if message is None:
            query["wait"] = "true"
        else:
            path = f"{path}/messages/{message}"
        return urlunsplit((parts.scheme, parts.netloc, path, urlencode(query), ""))


def _thread(notice: Notice) -> tuple[str, str | None] | None:
    """Message and forum thread of the incident; only what can be part of an address."""
    try:
        message, thread = json.loads(notice.thread or "[]")
    except (ValueError, TypeError):
        return None
    usable = isinstance(message, str) and message.isdigit() and goes_on(notice)
    return (message, thread if isinstance(thread, str) else None) if usable else None


def _refused(response: Response, now: float) -> DiscordRefused:
    answer = answer_of(response)
    code = answer.get("code")
    plain = refusal(response, now, said=_CURES.get(code, "") if isinstance(code, int) else "")
    wait = patience(answer.get("retry_after")) if response.status == 429 else None
    refused = DiscordRefused(
        str(plain), permanent=plain.permanent, retry_after=wait or plain.retry_after
    )
    refused.code = code
    return refused
