"""Tells a Slack channel: by an incoming webhook, or as a bot that keeps one thread for each incident.

A webhook gives no message id back, so every notice is a message of its own. A bot posts the incident once, keeps that
message as the incident stands, and answers below it with what is new. The first is done before the second: to write the
same state twice changes nothing, so that a notice which is sent again adds at most one line to the thread.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, StringConstraints

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.buttons import Press, buttons, seal
from receiver.channels.delivery import (
    SecretUrl,
    address,
    answer_of,
    ask,
    encode,
    post,
    refusal,
    retry_after,
)
from receiver.channels.looks import goes_on
from receiver.channels.slack_message import Values, escaped, reply_message, root_message
from receiver.decide.guards import Rate
from receiver.tools import Response, Tools

SERVICE = "https://slack.com"
_ANSWERS = "https://hooks.slack.com/"
_NO_PREVIEWS = {"unfurl_links": False, "unfurl_media": False}
_BUSY = frozenset(
    {"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"}
    | {"request_timeout", "accesslimited", "team_added_to_org", "external_channel_migrating"}
)
_GONE = frozenset({"message_not_found", "channel_not_found", "thread_not_found"})
_NOT_TO_BE_CHANGED = frozenset({"edit_window_closed", "cant_update_message"})
_CURES = {
    "invalid_auth": "`bot_token` is wrong",
    "not_authed": "`bot_token` is wrong",
    "account_inactive": "the app was removed from the workspace: install it again",
    "token_revoked": "the app was removed from the workspace: install it again",
    "missing_scope": "give the app the scope chat:write and install it again",
    "channel_not_found": "check `channel`, and invite the bot to a private one",
    "not_in_channel": "invite the bot to the channel: /invite",
    "is_archived": "the channel is archived",
}
_WORD = re.compile(r"[a-z_]{1,60}")

User = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,30}$")]


def _check_token(token: Secret) -> Secret:
    if not re.fullmatch(r"[\x21-\x7e]+", token.get_secret_value()):
        raise ValueError("must be a token such as xoxb-…, without spaces")
    return token


class SlackRefused(ChannelError):
    """Slack said why, in the one word that its documents list."""

    word = ""


class Slack(Channel):
    """Posts to the channel of `webhook_url`, or as the bot of `bot_token` to `channel`.

    With `signing_secret` and `approvers` (user ids) it has buttons.
    """

    documented_rate: ClassVar[Rate | None] = Rate(60, 60.0)  # one a second, in bursts

    webhook_url: SecretUrl | None = None
    bot_token: Annotated[Secret, AfterValidator(_check_token)] | None = None
    channel: Annotated[str, Field(min_length=1, max_length=100)] | None = None
    signing_secret: Annotated[Secret, Field(min_length=16)] | None = None
    approvers: tuple[User, ...] = ()

    @Rule
    def _one_way(self) -> Iterator[str]:
        if is_given(self, "webhook_url") is is_given(self, "bot_token"):
            yield "slack needs either `webhook_url`, or `bot_token` and `channel`"
        if is_given(self, "bot_token") is not is_given(self, "channel"):
            yield "`bot_token` and `channel` belong together"
        if is_given(self, "signing_secret") is not is_given(self, "approvers"):
            yield "buttons need both `signing_secret` and `approvers`"

    async def whisper(self, response_url: str, text: str, tools: Tools) -> None:
        """Says it to who has pressed a button, and to nobody else. Raises ChannelError."""
        if self.api_url is None and not response_url.startswith(_ANSWERS):
            raise ChannelError("Slack named no place of its own to answer to", permanent=True)
        url = address(Secret(response_url), self.api_url)
        message = {"response_type": "ephemeral", "replace_original": False, "text": escaped(text)}
        await post(tools, url, encode(message), timeout=self.timeout)

    @property
    def place(self) -> str:
        """What a button of this channel is sealed for."""
        if self.channel is not None:
            return self.channel
        url = "" if self.webhook_url is None else self.webhook_url.get_secret_value()
        return hashlib.sha256(url.encode()).hexdigest()

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        root = root_message(notice, self.environment, self._values(notice))
        if self.webhook_url is not None:
            url = address(self.webhook_url, self.api_url)
            body = encode({**root, **_NO_PREVIEWS})
            _require_ok(await post(tools, url, body, timeout=self.timeout))
            return None
        thread = self._thread(notice)
        if thread is None or not await self._update(thread, root, tools):
            return await self._begin(notice, root, tools)
        message = {**reply_message(notice), **_metadata(notice), **_NO_PREVIEWS}
        channel, ts = thread
        below = {"channel": channel, "thread_ts": ts}
        await self._call("chat.postMessage", {**message, **below}, tools)
        return None

    def _values(self, notice: Notice) -> Values:
        key = self.signing_secret
        if key is None:
            return ()

        def sealed(press: Press) -> str:
            return seal(press, key, self.place)

        return [(press, sealed(press)) for press in buttons(notice)]

    def _thread(self, notice: Notice) -> tuple[str, str] | None:
        """Channel id and ts of the incident's message, unless the config names another channel since."""
        try:
            to, channel, ts = json.loads(notice.thread or "[]")
        except (ValueError, TypeError):
            return None
        return (str(channel), str(ts)) if to == self.channel and goes_on(notice) else None

    async def _begin(self, notice: Notice, root: dict[str, object], tools: Tools) -> str | None:
        message = {"channel": self.channel, **root, **_metadata(notice), **_NO_PREVIEWS}
        answer = await self._call("chat.postMessage", message, tools)
        if not goes_on(notice):
            return None
        return json.dumps([self.channel, answer.get("channel"), answer.get("ts")])

    async def _update(self, thread: tuple[str, str], root: dict[str, object], tools: Tools) -> bool:
        """Whether the incident's message is still there. One that may not be changed any more stays as it is."""
        channel, ts = thread
        try:
            await self._call("chat.update", {"channel": channel, "ts": ts, **root}, tools)
        except SlackRefused as refused:
            if refused.word in _GONE:
                return False
            if refused.word not in _NOT_TO_BE_CHANGED:
                raise
        return True

    async def _call(
        self, method: str, message: dict[str, object], tools: Tools
    ) -> dict[str, object]:
        token = "" if self.bot_token is None else self.bot_token.get_secret_value()
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=utf-8",
        }
        url = f"{self.api_url or SERVICE}/api/{method}"
        response = await ask(
            tools, "POST", url, encode(message), timeout=self.timeout, headers=headers
        )
        if not 200 <= response.status < 300:
            raise refusal(response, tools.clock.now())
        _require_ok(response, tools.clock.now())
        return dict(answer_of(response))


def _metadata(notice: Notice) -> dict[str, object]:
    """Says which message is the same one twice: Slack has no key that would keep the second away."""
    payload = {"dedup_key": notice.dedup_key, "incident": notice.incident}
    return {"metadata": {"event_type": "prunella_notice", "event_payload": payload}}


def _require_ok(response: Response, now: float = 0.0) -> None:
    """Slack answers `ok`, or JSON with `ok: true`; any other 200 comes from something between us and Slack."""
    if response.body.strip() == b"ok":
        return
    answer = answer_of(response)
    if "ok" not in answer:
        raise ChannelError("answered with 200, but not as Slack does")
    if answer["ok"] is not True:
        raise _refused(str(answer.get("error")), response, now)


def _refused(word: str, response: Response, now: float) -> SlackRefused:
    known = word if _WORD.fullmatch(word) else "no word that is known"
    cure = f": {_CURES[word]}" if word in _CURES else ""
    busy = word in _BUSY
    refused = SlackRefused(
        f"Slack did not take the message ({known}{cure})",
        permanent=not busy,
        retry_after=retry_after(response, now) if busy else None,
    )
    refused.word = word
    return refused
