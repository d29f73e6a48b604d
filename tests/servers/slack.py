"""Slack as far as it can refuse a message or send a press: incoming webhooks, the two methods of a bot, buttons.

It is strict where the documents are (keys, limits, scopes, markup, rate limits) and shows what a reader of the channel
would see. That it is not stricter or laxer than the real one where it matters is shown by slack-sdk, which talks to it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.servers.preview import Shown, page

HOOK, TOKEN, CHANNEL, NAME = "/services/T0/B0/c4nary", "xoxb-c4nary", "C024BE91L", "#ops"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_MARKUP = re.compile(r"<([^<>]*)>")
_OF_BOTH = {"text", "attachments", "blocks", "parse", "link_names"}
_OF_HOOK = _OF_BOTH | {"unfurl_links", "unfurl_media"}
_OF_UPDATE = _OF_BOTH | {"channel", "ts", "metadata"}
_OF_POST = _OF_HOOK | {"channel", "metadata", "thread_ts", "reply_broadcast"}


class Wrong(Exception):
    """What Slack would answer instead of taking it."""


@dataclass
class Posted:
    """A message as it stands now."""

    ts: str
    body: dict[str, Any]
    thread_ts: str | None = None
    updates: int = 0


@dataclass
class SlackStandIn:
    url: str = ""
    posted: list[Posted] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    calls: list[str] = field(default_factory=list)  # what was asked, refused or not
    heard: list[dict[str, Any]] = field(default_factory=list)  # what came to response_urls
    allowance: int | None = None  # messages until it says that there are too many
    lost: int = 0  # answers that will not arrive although it took the message

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [one.body for one in self.posted]

    @property
    def texts(self) -> list[str]:
        """Every piece of text of the last message."""
        return list(_texts(self.messages[-1]))

    @property
    def links(self) -> dict[str, str]:
        """Caption → address of what is clickable in the last message."""
        found = [m.partition("|") for t in self.texts for m in _MARKUP.findall(t)]
        return {label: read(target) for target, _, label in found if target[0] not in "!@#"}

    @property
    def pings(self) -> list[str]:
        """Who would be notified by any message."""
        texts = [text for message in self.messages for text in _texts(message)]
        return [m for t in texts for m in _MARKUP.findall(t) if m[:1] in {"!", "@", "#"}]

    def thread(self, number: int = 0) -> list[Posted]:
        """What stands below a message."""
        return [one for one in self.posted if one.thread_ts == self.posted[number].ts]

    def buttons(self, number: int = -1) -> dict[str, str]:
        """action_id → value of what may be pressed."""
        return {e["action_id"]: e["value"] for e in _buttons(self.messages[number])}

    def press(
        self, word: str, *, user: str = "U0ANN", at: float, number: int = 0
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body as Slack sends them when somebody presses that button."""
        value = self.buttons(number)[word]
        return signed(self.interaction(value, word, user=user, number=number, at=at), at)

    def interaction(
        self, value: str, word: str, *, user: str = "U0ANN", number: int = 0, at: float = 0.0
    ) -> dict[str, Any]:
        ts = self.posted[number].ts
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "ann", "name": "ann", "team_id": "T0"},
            "team": {"id": "T0", "domain": "example"},
            "channel": {"id": CHANNEL, "name": "ops"},
            "container": {"type": "message_attachment", "message_ts": ts, "channel_id": CHANNEL},
            "message": {"ts": ts, **self.messages[number]},
            "trigger_id": "13345224609.738474920.8088930838d88f008e0",
            "response_url": f"{self.url}/actions/T0/1/{user}",
            "actions": [
                {"type": "button", "action_id": word, "value": value, "action_ts": f"{at:.6f}"}
            ],
        }

    def preview(self) -> str:
        """The channel as a page."""
        roots = [one for one in self.posted if one.thread_ts is None]
        shown = [
            _shown(root, [_shown(one) for one in self.posted if one.thread_ts == root.ts])
            for root in roots
        ]
        return page(f"Slack {NAME}", shown)

    async def hook(self, request: web.Request) -> web.Response:
        self.calls.append("hook")
        if self.refusals:
            return self.refusals.pop(0)
        if request.path != HOOK:
            return web.Response(status=404, text="no_service")
        if request.content_type != "application/json":
            return web.Response(status=400, text="invalid_payload")
        try:
            message = json.loads(await request.read())
            _check(message, _OF_HOOK)
        except (ValueError, KeyError, TypeError, Wrong) as error:
            return web.Response(status=400, text=f"invalid_blocks: {error}")
        self._keep(message)
        return web.Response(text="ok")

    async def method(self, request: web.Request) -> web.Response:
        name = request.match_info["method"]
        self.calls.append(name)
        if self.refusals:
            return self.refusals.pop(0)
        if self.allowance is not None and name == "chat.postMessage":
            if self.allowance == 0:
                limited = {"ok": False, "error": "ratelimited"}
                return web.json_response(limited, status=429, headers={"Retry-After": "30"})
            self.allowance -= 1
        try:
            answer = self._do(name, await self._arguments(request))
        except Wrong as wrong:
            return web.json_response({"ok": False, "error": str(wrong)})
        if self.lost:
            self.lost -= 1
            return web.Response(status=502, text="bad gateway")
        return web.json_response({"ok": True, **answer})

    async def answered(self, request: web.Request) -> web.Response:
        """A response_url: five answers within half an hour."""
        message = await request.json()
        if not isinstance(message, dict) or not message.get("text"):
            return web.json_response({"ok": False, "error": "no_text"}, status=400)
        if len(self.heard) >= 5:
            return web.json_response({"ok": False, "error": "used_url"}, status=404)
        self.heard.append(message)
        return web.json_response({"ok": True})

    async def _arguments(self, request: web.Request) -> dict[str, Any]:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not token:
            raise Wrong("not_authed")
        if token != TOKEN:
            raise Wrong("invalid_auth")
        if request.content_type != "application/json":
            return dict(await request.post())  # lists and objects in it would have to be JSON text
        try:
            arguments = json.loads(await request.read())
        except ValueError:
            raise Wrong("json_not_valid") from None
        return dict(arguments)

    def _do(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        match name:
            case "auth.test":
                return {"team": "example", "user": "prunella", "user_id": "U0BOT", "team_id": "T0"}
            case "chat.postMessage":
                return self._post(arguments)
            case "chat.update":
                return self._update(arguments)
            case _:
                raise Wrong("unknown_method")

    def _post(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("channel") not in {CHANNEL, NAME, NAME.removeprefix("#")}:
            raise Wrong("channel_not_found")
        _checked(arguments, _OF_POST)
        thread = arguments.get("thread_ts")
        if thread is not None and all(one.ts != thread for one in self.posted):
            raise Wrong("thread_not_found")
        if arguments.get("reply_broadcast") and thread is None:
            raise Wrong("invalid_arguments")
        kept = self._keep(arguments, thread)
        return {"channel": CHANNEL, "ts": kept.ts, "message": {"text": arguments.get("text", "")}}

    def _update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments.get("channel") != CHANNEL:  # a name is not enough here
            raise Wrong("channel_not_found")
        _checked(arguments, _OF_UPDATE)
        for one in self.posted:
            if one.ts == arguments.get("ts"):
                one.body, one.updates = arguments, one.updates + 1
                return {"channel": CHANNEL, "ts": one.ts, "text": arguments.get("text", "")}
        raise Wrong("message_not_found")

    def _keep(self, message: dict[str, Any], thread: str | None = None) -> Posted:
        ts = f"1700000000.{len(self.posted) + 1:06}"
        self.posted.append(Posted(ts, message, thread))
        return self.posted[-1]


def signed(
    interaction: dict[str, Any], at: float, secret: str = SIGNING_SECRET
) -> tuple[dict[str, str], bytes]:
    """An interaction as it comes over the wire."""
    body = urlencode({"payload": json.dumps(interaction)}).encode()
    stamp = str(int(at))
    digest = hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest.hexdigest()}",
    }
    return headers, body


def read(markup: str) -> str:
    """What a reader sees of escaped text."""
    return markup.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _attached(message: dict[str, Any]) -> list[dict[str, Any]]:
    inside = [block for a in message.get("attachments", []) for block in a["blocks"]]
    return [*message.get("blocks", []), *inside]


def _buttons(message: dict[str, Any]) -> list[dict[str, Any]]:
    return [e for b in _attached(message) if b["type"] == "actions" for e in b["elements"]]


def _texts(message: dict[str, Any]) -> list[str]:
    found = [message["text"]]
    for block in _attached(message):
        if block["type"] != "actions":
            parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
            found += [part["text"] for part in parts if part]
    return found


def _checked(arguments: dict[str, Any], known: set[str]) -> None:
    try:
        _check({k: v for k, v in arguments.items() if v is not None}, known)
    except (ValueError, KeyError, TypeError) as error:
        raise Wrong("invalid_blocks") from error


def _check(message: Any, known: set[str]) -> None:
    require(isinstance(message, dict) and set(message) <= known, "keys")
    if not (message.get("text") or message.get("blocks") or message.get("attachments")):
        raise Wrong("no_text")
    if len(message.get("text", "")) > 40_000:
        raise Wrong("msg_too_long")
    check_markup(message.get("text", ""))
    require(len(message.get("attachments", [])) <= 100, "attachments")
    for attachment in message.get("attachments", []):
        require(set(attachment) <= {"color", "fallback", "blocks"}, "attachment keys")
        require(re.fullmatch("#[0-9a-f]{6}", attachment["color"]) is not None, "color")
        _check_blocks(attachment["blocks"])
    _check_blocks(message.get("blocks", [{"type": "divider"}]))
    if len(json.dumps(message, ensure_ascii=False)) >= 13_172:
        raise Wrong("msg_blocks_too_long")


def _check_blocks(blocks: Any) -> None:
    require(0 < len(blocks) <= 50, "blocks")
    for block in blocks:
        check_block(block)


def check_block(block: Any) -> None:
    require(block["type"] in _BLOCKS, "unknown block")
    known, check = _BLOCKS[block["type"]]
    require(set(block) <= known | {"type", "block_id"}, f"{block['type']} keys")
    check(block)


def _check_header(block: Any) -> None:
    _check_plain(block["text"], 150)


def _check_section(block: Any) -> None:
    fields = block.get("fields", [])
    require(("text" in block) or bool(fields), "empty section")
    require(len(fields) <= 10, "fields")
    for one in fields:
        _check_text(one, 2000)
    if "text" in block:
        _check_text(block["text"], 3000)


def _check_context(block: Any) -> None:
    require(0 < len(block["elements"]) <= 10, "context")
    for element in block["elements"]:
        _check_text(element, 3000)


def _check_actions(block: Any) -> None:
    elements = block["elements"]
    require(0 < len(elements) <= 25, "actions")
    require(len({e["action_id"] for e in elements}) == len(elements), "action_id twice")
    for element in elements:
        _check_button(element)


def _check_divider(block: Any) -> None:
    require(block["type"] == "divider", "divider")


_BLOCKS: dict[str, tuple[set[str], Callable[[Any], None]]] = {
    "header": ({"text"}, _check_header),
    "section": ({"text", "fields"}, _check_section),
    "context": ({"elements"}, _check_context),
    "actions": ({"elements"}, _check_actions),
    "divider": (set(), _check_divider),
}


def _check_button(button: Any) -> None:
    known = {"type", "action_id", "text", "value", "style", "confirm", "url"}
    require(button["type"] == "button" and set(button) <= known, "button keys")
    require(0 < len(button["action_id"]) <= 255 and len(button["value"]) <= 2000, "button")
    require(button.get("style", "danger") in {"primary", "danger"}, "style")
    _check_plain(button["text"], 75)
    if (confirm := button.get("confirm")) is not None:
        require(set(confirm) <= {"title", "text", "confirm", "deny", "style"}, "confirm keys")
        for part, limit in (("title", 100), ("text", 300), ("confirm", 30), ("deny", 30)):
            _check_plain(confirm[part], limit)


def _check_plain(text: Any, limit: int) -> None:
    require(set(text) <= {"type", "text", "emoji"} and text["type"] == "plain_text", "plain_text")
    require(0 < units(text["text"]) <= limit, "plain_text length")


def _check_text(text: Any, limit: int) -> None:
    require(set(text) <= {"type", "text", "verbatim"}, "text keys")
    require(text["type"] == "mrkdwn", "text type")
    require(0 < units(text["text"]) <= limit, "text length")
    check_markup(text["text"])


def check_markup(text: str) -> None:
    plain = _MARKUP.sub("", text)
    require("<" not in plain and ">" not in plain, "half a link")
    require("&" not in _ENTITY.sub("", plain), "half an entity")


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _shown(one: Posted, replies: list[Shown] | None = None) -> Shown:
    colours = [a["color"] for a in one.body.get("attachments", [])]
    first, *more = _texts(one.body)
    return Shown(
        title=_unmarked(first),
        colour=colours[0] if colours else "",
        lines=[_unmarked(text) for text in more],
        buttons=[e["text"]["text"] for e in _buttons(one.body)],
        note="also sent to the channel" if one.body.get("reply_broadcast") else "",
        replies=replies or [],
    )


def _unmarked(text: str) -> str:
    return read(_MARKUP.sub(lambda m: f"{m[1].partition('|')[2]} ({m[1].partition('|')[0]})", text))


@asynccontextmanager
async def slack_stand_in() -> AsyncIterator[SlackStandIn]:
    stand_in = SlackStandIn()
    app = web.Application()
    app.router.add_post("/api/{method}", stand_in.method)
    app.router.add_post("/actions/{path:.*}", stand_in.answered)
    app.router.add_post("/{path:.*}", stand_in.hook)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
