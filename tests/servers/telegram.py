"""Telegram's Bot API as far as it can refuse a message or send a press: HTML, limits, edits, replies, rate limits.

It reads markup as strictly as the documents have it and shows what a reader of the chat would see and whom Telegram
would call. That it speaks as the real one does is shown by python-telegram-bot, which talks to it.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.preview.page import Button, Shown, page

TOKEN, SECRET = "123456:c4nary-ABC_DEF1234ghIkl", "webhook-c4nary_secret"
CHAT, GROUP = -1001234567890, "@prunella_ops"
_TAG = re.compile(r"<(/?)([a-z][a-z-]*)((?:\s+[a-z-]+=\"[^\"<>]*\")*)\s*>")
_TAGS = {
    *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "span", "tg-spoiler", "a"),
    *("tg-emoji", "code", "pre", "blockquote"),
}
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d{1,7}|#x[0-9a-fA-F]{1,6});")
_CALLS = re.compile(r"(?<![\w@])@[A-Za-z]\w{2,}|(?:(?<=\s)|^)/[A-Za-z]\w*")
_OF_SEND = {
    *("chat_id", "text", "parse_mode", "message_thread_id", "reply_parameters", "reply_markup"),
    *("link_preview_options", "disable_notification", "protect_content", "entities"),
}
_OF_PHOTO = (_OF_SEND - {"text", "link_preview_options", "entities"}) | {"caption"}
_OF_EDIT = {
    *("chat_id", "message_id", "text", "parse_mode", "link_preview_options", "reply_markup"),
    "entities",
}
_JSON = {"reply_parameters", "reply_markup", "link_preview_options", "entities"}


class Wrong(Exception):
    """What Telegram would answer instead of doing it."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code, self.parameters = code, parameters


@dataclass
class Posted:
    """A message as it stands now."""

    id: int
    body: dict[str, Any]
    edits: int = 0
    picture: bytes | None = None

    @property
    def text(self) -> str:
        """What is read."""
        return seen(self.body.get("text", self.body.get("caption", "")))

    @property
    def replies_to(self) -> int | None:
        return (self.body.get("reply_parameters") or {}).get("message_id")

    @property
    def keyboard(self) -> list[list[dict[str, str]]]:
        return (self.body.get("reply_markup") or {}).get("inline_keyboard") or []


@dataclass
class TelegramStandIn:
    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    calls: list[str] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)  # to presses
    allowance: int | None = None  # messages until it says that there are too many
    moved_to: int | None = None  # the chat became a supergroup with this id
    webhook: dict[str, Any] = field(default_factory=dict)

    @property
    def pings(self) -> list[str]:
        """Whom or what Telegram would make clickable of plain words, in any message."""
        return [call for one in self.posted for call in _CALLS.findall(one.text)]

    @property
    def links(self) -> dict[str, str]:
        """Caption → address of what is clickable in the last message."""
        found = re.findall(r'<a href="([^"]*)">(.*?)</a>', self.posted[-1].body["text"])
        return {unescape(caption): unescape(to) for to, caption in found}

    def buttons(self, number: int = 0) -> dict[str, str]:
        """Caption → callback_data of what may be pressed."""
        keyboard = self.posted[number].keyboard
        return {b["text"]: b["callback_data"] for row in keyboard for b in row}

    def press(
        self, caption: str, *, user: int = 7001, number: int = 0, press: str = "4382bfdwdsb323b2d9"
    ) -> dict[str, Any]:
        """The update that Telegram sends when somebody presses that button."""
        return self.update(self.buttons(number)[caption], user=user, press=press)

    def update(
        self, data: str, *, user: int = 7001, chat: int = CHAT, press: str = "4382bfdwdsb323b2d9"
    ) -> dict[str, Any]:
        message = {
            "message_id": 1,
            "date": 1_700_000_000,
            "chat": {"id": chat, "type": "supergroup", "title": "ops"},
        }
        query = {
            "id": press,
            "from": {"id": user, "is_bot": False, "first_name": "Ann"},
            "message": message,
            "chat_instance": "-3411",
            "data": data,
        }
        return {"update_id": 10_000, "callback_query": query}

    def preview(self) -> str:
        """The chat as a page."""
        roots = [one for one in self.posted if one.replies_to is None]
        shown = [
            _shown(root, [_shown(one) for one in self.posted if one.replies_to == root.id])
            for root in roots
        ]
        return page("Telegram", shown)

    async def method(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        self.calls.append(name)
        if self.refusals:
            return self.refusals.pop(0)
        try:
            _check_token(request)
            result = self._do(name, await _arguments(request))
        except Wrong as wrong:
            said = {"ok": False, "error_code": wrong.code, "description": str(wrong)}
            more = {"parameters": wrong.parameters} if wrong.parameters else {}
            return web.json_response({**said, **more}, status=wrong.code)
        return web.json_response({"ok": True, "result": result})

    def _do(self, name: str, arguments: dict[str, Any]) -> object:
        match name:
            case "getMe":
                bot = {"id": 123456, "is_bot": True, "first_name": "Prunella"}
                return {**bot, "username": "prunella_bot"}
            case "sendMessage":
                return self._send(arguments)
            case "sendPhoto":
                return self._show(arguments)
            case "editMessageText":
                return self._edit(arguments)
            case "answerCallbackQuery":
                return self._answer(arguments)
            case "setWebhook":
                return self._listen(arguments)
            case _:
                raise Wrong(404, "Not Found")

    def _send(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._known(arguments, _OF_SEND)
        self._count()
        check_text(arguments)
        return self._post(arguments)

    def _show(self, arguments: dict[str, Any]) -> dict[str, Any]:
        picture = arguments.pop("photo", None)
        self._known(arguments, _OF_PHOTO)
        self._count()
        if not isinstance(picture, bytes) or not picture.startswith(b"\x89PNG\r\n\x1a\n"):
            raise Wrong(400, "Bad Request: IMAGE_PROCESS_FAILED")
        if len(picture) > 10_000_000:
            raise Wrong(413, "Request Entity Too Large")
        return self._post(arguments, picture)

    def _count(self) -> None:
        if self.allowance == 0:
            raise Wrong(429, "Too Many Requests: retry after 31", retry_after=31)
        if self.allowance is not None:
            self.allowance -= 1

    def _post(self, arguments: dict[str, Any], picture: bytes | None = None) -> dict[str, Any]:
        reply = arguments.get("reply_parameters") or {}
        missing = reply and all(one.id != reply["message_id"] for one in self.posted)
        if missing and not reply.get("allow_sending_without_reply"):
            raise Wrong(400, "Bad Request: message to be replied not found")
        self.posted.append(Posted(len(self.posted) + 1, arguments, picture=picture))
        return self._message(self.posted[-1])

    def _edit(self, arguments: dict[str, Any]) -> dict[str, Any]:
        self._known(arguments, _OF_EDIT)
        check_text(arguments)
        for one in self.posted:
            if one.id == int(arguments["message_id"]):
                same = (seen(arguments["text"]), arguments.get("reply_markup"))
                if same == (one.text, one.body.get("reply_markup")):
                    raise Wrong(
                        400,
                        "Bad Request: message is not modified: specified new message content and"
                        " reply markup are exactly the same as a current content and reply markup"
                        " of the message",
                    )
                kept = {key: value for key, value in one.body.items() if key != "reply_markup"}
                one.body, one.edits = {**kept, **arguments}, one.edits + 1
                return self._message(one)
        raise Wrong(400, "Bad Request: message to edit not found")

    def _answer(self, arguments: dict[str, Any]) -> bool:
        if len(arguments.get("text", "")) > 200:
            raise Wrong(400, "Bad Request: MESSAGE_TOO_LONG")
        self.answers.append(arguments)
        return True

    def _listen(self, arguments: dict[str, Any]) -> bool:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", arguments.get("secret_token", "x")):
            raise Wrong(400, "Bad Request: secret token contains unallowed characters")
        if not arguments.get("url", "").startswith("https://"):
            raise Wrong(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        self.webhook = arguments
        return True

    def _known(self, arguments: dict[str, Any], known: set[str]) -> None:
        if not set(arguments) <= known:
            raise Wrong(400, f"Bad Request: this stand-in knows no {set(arguments) - known}")
        chat = str(arguments.get("chat_id"))
        if self.moved_to is not None and chat != str(self.moved_to):
            raise Wrong(
                400,
                "Bad Request: group chat was upgraded to a supergroup chat",
                migrate_to_chat_id=self.moved_to,
            )
        if chat not in {str(CHAT), GROUP, str(self.moved_to)}:
            raise Wrong(400, "Bad Request: chat not found")

    def _message(self, one: Posted) -> dict[str, Any]:
        chat = {"id": CHAT, "type": "supergroup", "title": "ops"}
        return {"message_id": one.id, "date": 1_700_000_000, "chat": chat, "text": one.text}


def _check_token(request: web.Request) -> None:
    if request.match_info["token"] != TOKEN:
        raise Wrong(401, "Unauthorized")


async def _arguments(request: web.Request) -> dict[str, Any]:
    """JSON, or a form in which what is no text is JSON."""
    if request.content_type == "application/json":
        try:
            return dict(json.loads(await request.read()))
        except ValueError:
            raise Wrong(400, "Bad Request: can't parse request JSON object") from None
    form: Mapping[str, Any] = await request.post()
    return {
        name: value.file.read()
        if isinstance(value, web.FileField)
        else json.loads(value)
        if name in _JSON
        else value
        for name, value in form.items()
    }


def check_text(arguments: Mapping[str, Any]) -> None:
    text = str(arguments.get("text", ""))
    shown = seen(text) if arguments.get("parse_mode") == "HTML" else text
    if not shown.strip():
        raise Wrong(400, "Bad Request: message text is empty")
    if len(shown.encode("utf-16-le", "surrogatepass")) // 2 > 4096:
        raise Wrong(400, "Bad Request: message is too long")
    rows = (arguments.get("reply_markup") or {}).get("inline_keyboard") or []
    for button in (button for row in rows for button in row):
        data = button.get("callback_data", "x").encode()
        if set(button) - {"text", "callback_data", "url"} or not 1 <= len(data) <= 64:
            raise Wrong(400, "Bad Request: BUTTON_DATA_INVALID")


def seen(html: str) -> str:
    """What is left when tags and entities are read. Raises Wrong as Telegram would."""
    open_tags: list[str] = []
    for tag in _TAG.finditer(html):
        if tag[2] not in _TAGS:
            raise _unparsed(f'Unsupported start tag "{tag[2]}"')
        if not tag[1]:
            open_tags.append(tag[2])
        elif not open_tags or open_tags.pop() != tag[2]:
            raise _unparsed("Unmatched end tag")
    if open_tags:
        raise _unparsed(f"Can't find end tag corresponding to start tag {open_tags[-1]}")
    plain = _TAG.sub("", html)
    if "<" in plain or ">" in plain or "&" in _ENTITY.sub("", plain):
        raise _unparsed("a character that has to be escaped")
    return unescape(plain).strip()


def _unparsed(why: str) -> Wrong:
    return Wrong(400, f"Bad Request: can't parse entities: {why}")


def _shown(one: Posted, replies: list[Shown] | None = None) -> Shown:
    title, _, rest = one.text.partition("\n")
    silent = "silent" if one.body.get("disable_notification") else ""
    return Shown(
        title=title,
        lines=[rest],
        buttons=[Button(button["text"]) for row in one.keyboard for button in row],
        note=f"edited {one.edits} times" if one.edits else silent,
        replies=replies or [],
    )


@asynccontextmanager
async def telegram_stand_in() -> AsyncIterator[TelegramStandIn]:
    stand_in = TelegramStandIn()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", stand_in.method)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
