"""Discord's webhooks as far as they can refuse a message: keys, limits, missing messages, rate limits, dead webhooks.

The limits are those of the documents, counted in UTF-16 units; the answers have the documents' numbers.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.preview.page import Shown, page

ID, TOKEN, CHANNEL = "1012345678901234567", "c4nary-token_of-68-characters", "2012345678901234567"
HOOK = f"/api/webhooks/{ID}/{TOKEN}"
_OF_POST = {
    *("content", "username", "avatar_url", "tts", "embeds", "allowed_mentions", "components"),
    *("flags", "thread_name", "applied_tags", "attachments", "poll"),
}
_OF_EDIT = {"content", "embeds", "flags", "allowed_mentions", "components", "attachments"}
_OF_EMBED = {
    *("title", "type", "description", "url", "timestamp", "color", "footer", "image", "thumbnail"),
    *("author", "fields"),
}
_EMBED_LIMITS = {"title": 256, "description": 4096}
_ESCAPED = re.compile(r"\\([^0-9A-Za-z\s])")
_PING = re.compile(r"<@[!&]?\d+>|@everyone|@here")
_LINK = re.compile(r"\[((?:\\.|[^\]\\])*)\]\(([^)\s]*)\)")


MOST_BYTES = 10 << 20


class Wrong(Exception):
    """What Discord would answer instead of taking it."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Posted:
    """A message as it stands now."""

    id: str
    body: dict[str, Any]
    thread: str | None = None
    edits: int = 0
    picture: bytes | None = None


@dataclass
class DiscordStandIn:
    url: str = ""
    forum: bool = False
    posted: list[Posted] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    calls: list[str] = field(default_factory=list)
    allowance: int | None = None  # messages until it says that there are too many
    deleted: bool = False  # the webhook itself

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [one.body for one in self.posted]

    @property
    def pings(self) -> list[str]:
        """Who would see their name; allowed_mentions keeps them from hearing it."""
        texts = [text for message in self.messages for text in _marked(message)]
        return [found for text in texts for found in _PING.findall(_ESCAPED.sub("\0", text))]

    @property
    def links(self) -> dict[str, str]:
        """Caption → address of what is clickable in the last message."""
        return {caption: to for text in _marked(self.messages[-1]) for caption, to in links(text)}

    def preview(self) -> str:
        """The channel as a page."""
        roots = [one for one in self.posted if not one.thread or one.id == one.thread]
        inside = {one.id: [m for m in self.posted if m.thread == one.id != m.id] for one in roots}
        shown = [_shown(one, [_shown(reply) for reply in inside[one.id]]) for one in roots]
        return page("Discord #ops", shown)

    async def execute(self, request: web.Request) -> web.Response:
        return await self._answered("POST", request, self._execute)

    async def edit(self, request: web.Request) -> web.Response:
        return await self._answered("PATCH", request, self._edit)

    async def _answered(self, name: str, request: web.Request, do: Any) -> web.Response:
        self.calls.append(name)
        if self.refusals:
            return self.refusals.pop(0)
        try:
            self._known(request)
            body, picture = await _body(request)
            posted = do(body, request)
            posted.picture = picture or posted.picture
        except Wrong as wrong:
            said = {"message": str(wrong), "code": wrong.code}
            return web.json_response(said, status=wrong.status)
        except Flood as flood:
            return flood.answer()
        if name == "POST" and request.query.get("wait") != "true":
            return web.Response(status=204)
        channel = posted.thread or CHANNEL
        return web.json_response({"id": posted.id, "channel_id": channel, "webhook_id": ID})

    def _known(self, request: web.Request) -> None:
        if self.deleted or request.match_info["id"] != ID:
            raise Wrong(404, 10015, "Unknown Webhook")
        if request.match_info["token"] != TOKEN:
            raise Wrong(401, 50027, "Invalid Webhook Token")

    def _execute(self, body: dict[str, Any], request: web.Request) -> Posted:
        _check(body, _OF_POST)
        self._count()
        thread, named = request.query.get("thread_id"), body.pop("thread_name", None)
        if self.forum and not (thread or named):
            raise Wrong(400, 220001, "Webhooks posted to forum channels must have a thread_name")
        if named is not None and not self.forum:
            raise Wrong(400, 220003, "Webhooks can only create threads in forum channels")
        if thread is not None and all(one.thread != thread for one in self.posted):
            raise Wrong(404, 10003, "Unknown Channel")
        number = str(3012345678901234567 + len(self.posted))
        posted = Posted(number, body, thread or (number if named else None))
        self.posted.append(posted)
        return posted

    def _edit(self, body: dict[str, Any], request: web.Request) -> Posted:
        _check(body, _OF_EDIT)
        for one in self.posted:
            if one.id == request.match_info["message"] and one.thread == request.query.get(
                "thread_id"
            ):
                one.body, one.edits = {**one.body, **body}, one.edits + 1
                return one
        raise Wrong(404, 10008, "Unknown Message")

    def _count(self) -> None:
        if self.allowance == 0:
            raise Flood
        if self.allowance is not None:
            self.allowance -= 1


class Flood(Exception):
    """Too many: the wait is in the body, to the millisecond, and rounded up in the header."""

    @staticmethod
    def answer() -> web.Response:
        said = {"message": "You are being rate limited.", "retry_after": 1.337, "global": False}
        headers = {"Retry-After": "2", "X-RateLimit-Remaining": "0", "X-RateLimit-Scope": "user"}
        return web.json_response(said, status=429, headers=headers)


async def _body(request: web.Request) -> tuple[dict[str, Any], bytes | None]:
    """The message, and the file that came with it in a form."""
    picture = None
    if request.content_type == "multipart/form-data":
        form = await request.post()
        file = form.get("files[0]")
        _require(set(form) == {"payload_json", "files[0]"}, "form")
        words = str(form["payload_json"]).encode()
        if not isinstance(file, web.FileField):
            raise Wrong(400, 50035, "Invalid Form Body: files[0] is no file")
        picture = is_picture(file, MOST_BYTES)
    else:
        words = await request.read()
    try:
        body = dict(json.loads(words))
    except ValueError:
        raise Wrong(400, 50109, "The request body contains invalid JSON.") from None
    attached = {one["filename"] for one in body.get("attachments", [])}
    _require(attached == ({"incident.png"} if picture else set()), "attachments")
    for embed in body.get("embeds", []):
        shown = embed.get("image", {}).get("url", "")
        _require(not shown or shown.removeprefix("attachment://") in attached, "image")
    return body, picture


def is_picture(file: web.FileField, most: int) -> bytes:
    """The PNG in a form. Raises Wrong."""
    picture = file.file.read()
    if len(picture) > most:
        raise Wrong(413, 40005, "Request entity too large")
    _require(picture.startswith(b"\x89PNG\r\n\x1a\n"), "no PNG")
    _require((file.content_type, file.filename[-4:]) == ("image/png", ".png"), "no .png")
    return picture


def links(text: str) -> list[tuple[str, str]]:
    """What is clickable in markdown, escapes read as Discord reads them."""
    hidden = re.sub(r"\\\[", "\0", text)
    found = [(_read(caption), to) for caption, to in _LINK.findall(hidden)]
    bare = re.findall(r"https?://\S+", _LINK.sub("", _ESCAPED.sub("\0", hidden)))
    return [*found, *((to, to) for to in bare)]


def _read(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _marked(message: dict[str, Any]) -> list[str]:
    """The parts in which markdown is read."""
    found = [message.get("content") or ""]
    for embed in message.get("embeds", []):
        found += [embed.get("title", ""), embed.get("description", "")]
        found += [part for one in embed.get("fields", []) for part in (one["name"], one["value"])]
    return found


def _check(body: dict[str, Any], known: set[str]) -> None:
    _require(set(body) <= known, "keys")
    if not (body.get("content") or body.get("embeds")):
        raise Wrong(400, 50006, "Cannot send an empty message")
    _require(units(body.get("content") or "") <= 2000, "content")
    embeds = body.get("embeds", [])
    _require(len(embeds) <= 10, "embeds")
    _require(sum(map(_check_embed, embeds)) <= 6000, "embeds: 6000 in all")
    _require(units(body.get("thread_name", "x")) <= 100, "thread_name")
    _require(body.get("allowed_mentions", {}).get("parse") == [], "this stand-in lets nobody ping")


def _check_embed(embed: dict[str, Any]) -> int:
    """Raises Wrong; the number of characters that count."""
    _require(set(embed) <= _OF_EMBED, "embed keys")
    total = 0
    for part, limit in _EMBED_LIMITS.items():
        total += _sized(embed.get(part, "x"), limit, part)
    _require(isinstance(embed.get("color", 0), int), "color")
    _require(0 <= embed.get("color", 0) <= 0xFFFFFF, "color")
    _require(re.match(r"\d{4}-\d\d-\d\dT", embed.get("timestamp", "2026-01-01T")), "timestamp")
    fields = embed.get("fields", [])
    _require(len(fields) <= 25, "fields")
    for one in fields:
        _require(set(one) <= {"name", "value", "inline"}, "field keys")
        total += _sized(one["name"], 256, "name") + _sized(one["value"], 1024, "value")
    return total + _sized(embed.get("footer", {}).get("text", "x"), 2048, "footer")


def _sized(text: str, limit: int, part: str) -> int:
    _require(0 < units(text) <= limit and bool(text.strip()), part)
    return units(text)


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _require(holds: object, what: str) -> None:
    if not holds:
        raise Wrong(400, 50035, f"Invalid Form Body: {what}")


def _shown(one: Posted, replies: list[Shown] | None = None) -> Shown:
    embed = (one.body.get("embeds") or [{}])[0]
    fields = [f"{_read(f['name'])}: {_read(f['value'])}" for f in embed.get("fields", [])]
    footer = embed.get("footer", {}).get("text", "")
    title, _, rest = _read(one.body.get("content") or embed.get("title", "")).partition("\n")
    return Shown(
        title=title.strip("*"),
        colour=f"#{embed['color']:06x}" if "color" in embed else "",
        lines=[rest, _read(embed.get("description", "")), *fields],
        note=f"{footer} (edited {one.edits} times)" if one.edits else footer,
        replies=replies or [],
    )


@asynccontextmanager
async def discord_stand_in(*, forum: bool = False) -> AsyncIterator[DiscordStandIn]:
    stand_in = DiscordStandIn(forum=forum)
    app = web.Application()
    app.router.add_post("/api/webhooks/{id}/{token}", stand_in.execute)
    app.router.add_patch("/api/webhooks/{id}/{token}/messages/{message}", stand_in.edit)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
