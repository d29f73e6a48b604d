"""Tells a Telegram chat as a bot: one message an incident, kept as the incident stands, and replies with what is new.

The edit comes first: to write the same state twice changes nothing, so that a notice which is sent again adds at most
one reply. The bot's token is part of every address, which is why no error quotes one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from prunella.logs import create_logger
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Secret
from receiver.channels.base import Channel, ChannelError, Notice
from receiver.channels.buttons import Press, buttons, seal
from receiver.channels.delivery import answer_of, ask, encode, patience, refusal
from receiver.channels.looks import goes_on
from receiver.channels.multipart import form
from receiver.channels.telegram_message import Values, reply_message, root_message
from receiver.decide.guards import Rate
from receiver.tools import Response, Tools

SERVICE = "https://api.telegram.org"
_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_SAME = "message is not modified"
_GONE = ("message to edit not found", "message_id_invalid", "message can't be edited")
_CURES = (
    ("unauthorized", "`bot_token` is wrong"),
    ("chat not found", "check `chat_id`, and write to the bot or add it to the group"),
    ("bot was kicked", "add the bot to the group again"),
    ("bot was blocked", "the user has blocked the bot"),
    ("not enough rights", "let the bot post in the chat"),
    ("need administrator rights", "make the bot an administrator of the channel"),
    ("message thread not found", "check `thread_id`"),
    ("can't parse entities", "the message's markup was not understood"),
    ("message is too long", "the message was too long"),
)

log = create_logger("prunella.receiver.channel")


def _check_token(token: Secret) -> Secret:
    if not _TOKEN.fullmatch(token.get_secret_value()):
        raise ValueError("must be a token as BotFather gives it, such as 123456:ABC-DEF")
    return token


def _check_secret(secret: Secret) -> Secret:
    if not _WEBHOOK_SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("must be 16 to 256 of A-Z, a-z, 0-9, _ and -")
    return secret


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


ChatId = Annotated[
    str,
    BeforeValidator(_as_text),
    StringConstraints(pattern=r"^(?:-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31})$"),
]


class TelegramRefused(ChannelError):
    """Telegram said why, in words."""

    words = ""
    moved_to: int | None = None


class Telegram(Channel):
    """Posts as the bot of `bot_token` to `chat_id`, in a topic of it with `thread_id`.

    With `webhook_secret` and `approvers` (user ids) it has buttons.
    """

    documented_rate: ClassVar[Rate | None] = Rate(20, 60.0)  # in a group

    shows_pictures: ClassVar[bool] = True

    bot_token: Annotated[Secret, AfterValidator(_check_token)]
    chat_id: ChatId
    thread_id: Annotated[int, Field(ge=1)] | None = None
    webhook_secret: Annotated[Secret, AfterValidator(_check_secret)] | None = None
    approvers: tuple[Annotated[int, Field(ge=1)], ...] = ()

    @Rule
    def _both_or_none(self) -> Iterator[str]:
        if is_given(self, "webhook_secret") is not is_given(self, "approvers"):
            yield "buttons need both `webhook_secret` and `approvers`"

    @property
    def place(self) -> str:
        """What a button of this channel is sealed for."""
        return self.chat_id

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        thread = await self._tell(notice, tools)
        if notice.picture is not None:
            await self._show(replace(notice, thread=thread or notice.thread), notice.picture, tools)
        return thread

    async def _show(self, notice: Notice, picture: bytes, tools: Tools) -> None:
        """The picture below the incident's message. What was told is told, with it or without."""
        known = self._thread(notice)
        if known is None:
            return
        chat, message = known
        reply = {"message_id": message, "allow_sending_without_reply": True}
        below = {"chat_id": chat, **self._topic, "reply_parameters": reply}
        try:
            await self.call("sendPhoto", {**below, "disable_notification": True}, tools, picture)
        except ChannelError as error:
            log.debug("the picture was not taken", error=str(error))

    async def _tell(self, notice: Notice, tools: Tools) -> str | None:
        root = root_message(notice, self.environment, self._values(notice))
        known = self._thread(notice)
        if known is None or not await self._edited(known, root, tools):
            return await self._begin(notice, root, tools)
        chat, message = known
        reply = {"message_id": message, "allow_sending_without_reply": True}
        below = {"chat_id": chat, **self._topic, "reply_parameters": reply}
        await self.call("sendMessage", {**reply_message(notice), **below}, tools)
        return None

    @property
    def _topic(self) -> dict[str, object]:
        return {} if self.thread_id is None else {"message_thread_id": self.thread_id}

    def _values(self, notice: Notice) -> Values:
        key = self.webhook_secret
        if key is None:
            return ()

        def sealed(press: Press) -> str:
            return seal(press, key, self.place)

        return [(press, sealed(press)) for press in buttons(notice)]

    def _thread(self, notice: Notice) -> tuple[int | str, int] | None:
        """Chat and message of the incident, unless the config names another chat since."""
        try:
            to, chat, message = json.loads(notice.thread or "[]")
        except (ValueError, TypeError):
            return None
        usable = isinstance(message, int) and to == self.chat_id and goes_on(notice)
        return (chat, message) if usable else None

    async def _begin(self, notice: Notice, root: dict[str, object], tools: Tools) -> str | None:
        chat: int | str = self.chat_id if self.chat_id.startswith("@") else int(self.chat_id)
        message = {**root, **self._topic, "chat_id": chat}
        try:
            sent = await self.call("sendMessage", message, tools)
        except TelegramRefused as refused:
            if refused.moved_to is None:
                raise
            chat = refused.moved_to
            log.warning("the group was upgraded: its `chat_id` is another now", chat_id=chat)
            sent = await self.call("sendMessage", {**message, "chat_id": chat}, tools)
        number = sent.get("message_id")
        return json.dumps([self.chat_id, chat, number]) if goes_on(notice) else None

    async def _edited(
        self, known: tuple[int | str, int], root: dict[str, object], tools: Tools
    ) -> bool:
        """Whether the incident's message is still there and says how things stand."""
        chat, message = known
        try:
            await self.call(
                "editMessageText", {**root, "chat_id": chat, "message_id": message}, tools
            )
        except TelegramRefused as refused:
            if _SAME in refused.words:
                return True
            if refused.moved_to is None and not any(words in refused.words for words in _GONE):
                raise
            return False
        return True

    async def call(
        self,
        method: str,
        message: Mapping[str, object],
        tools: Tools,
        picture: bytes | None = None,
    ) -> Mapping[str, object]:
        """One method of the Bot API, and its result. Raises ChannelError."""
        body, headers = encode(message), {}
        if picture is not None:
            fields = {name: _field(value) for name, value in message.items()}
            headers["Content-Type"], body = form(fields, "photo", picture)
        url = f"{self.api_url or SERVICE}/bot{self.bot_token.get_secret_value()}/{method}"
        response = await ask(tools, "POST", url, body, timeout=self.timeout, headers=headers)
        answer = answer_of(response)
        if 200 <= response.status < 300 and answer.get("ok") is True:
            result = answer.get("result")
            return result if isinstance(result, dict) else {}
        raise _refused(response, answer, tools.clock.now())


def _field(value: object) -> bytes:
    """As a form has it: words as they are, everything else as JSON."""
    return value.encode() if isinstance(value, str) else encode(value)


def _refused(response: Response, answer: Mapping[str, object], now: float) -> ChannelError:
    if 200 <= response.status < 300:
        return ChannelError("answered with 200, but not as Telegram does")
    words = str(answer.get("description", "")).lower()
    cure = next((cure for known, cure in _CURES if known in words), "")
    plain = refusal(response, now, said=cure)
    parameters = answer.get("parameters")
    more: Mapping[str, object] = parameters if isinstance(parameters, dict) else {}
    wait = patience(more.get("retry_after")) if not plain.permanent else None
    refused = TelegramRefused(
        str(plain), permanent=plain.permanent, retry_after=wait or plain.retry_after
    )
    moved = more.get("migrate_to_chat_id")
    refused.words, refused.moved_to = words, moved if isinstance(moved, int) else None
    return refused
