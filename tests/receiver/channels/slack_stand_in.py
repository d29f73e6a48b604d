"""Slack's incoming webhooks as far as they can refuse a message, and what a reader of the channel would see."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

PATH = "/services/T0/B0/c4nary"
_ENTITY = re.compile(r"&(?:amp|lt|gt);")
_MARKUP = re.compile(r"<([^<>]*)>")


@dataclass
class SlackStandIn:
    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order

    @property
    def texts(self) -> list[str]:
        """Every piece of markup of the last message."""
        message = self.messages[-1]
        blocks = [b for a in message["attachments"] for b in a["blocks"]]
        elements = [e for b in blocks for e in b.get("elements", [b.get("text")])]
        return [message["text"], *(element["text"] for element in elements)]

    @property
    def links(self) -> dict[str, str]:
        """Caption → address of what is clickable in the last message."""
        found = [m.partition("|") for t in self.texts for m in _MARKUP.findall(t)]
        return {label: _read(target) for target, _, label in found if target[0] not in "!@#"}

    @property
    def pings(self) -> list[str]:
        """Who would be notified by the last message."""
        return [m for t in self.texts for m in _MARKUP.findall(t) if m[:1] in {"!", "@", "#"}]

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        if request.path != PATH:
            return web.Response(status=404, text="no_service")
        if request.content_type != "application/json":
            return web.Response(status=400, text="invalid_payload")
        try:
            message = json.loads(await request.read())
            _check(message)
        except (ValueError, KeyError, TypeError) as error:
            return web.Response(status=400, text=f"invalid_blocks: {error}")
        self.messages.append(message)
        return web.Response(text="ok")


def _read(markup: str) -> str:
    return markup.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _check(message: Any) -> None:
    known = {"text", "attachments", "parse", "link_names", "unfurl_links", "unfurl_media"}
    _require(isinstance(message, dict) and set(message) <= known, "keys")
    _require(0 < len(message["text"]) <= 40_000, "text")
    _check_markup(message["text"])
    _require(len(message["attachments"]) <= 100, "attachments")
    for attachment in message["attachments"]:
        _require(set(attachment) <= {"color", "fallback", "blocks"}, "attachment keys")
        _require(re.fullmatch("#[0-9a-f]{6}", attachment["color"]) is not None, "color")
        _require(0 < len(attachment["blocks"]) <= 50, "blocks")
        for block in attachment["blocks"]:
            _check_block(block)
    _require(len(json.dumps(message, ensure_ascii=False)) < 13_200, "msg_blocks_too_long")


def _check_block(block: Any) -> None:
    match block:
        case {"type": "section", "text": text, **rest}:
            _require(not rest, "section keys")
            _check_text(text)
        case {"type": "context", "elements": list(elements), **rest}:
            _require(not rest and 0 < len(elements) <= 10, "context")
            for element in elements:
                _check_text(element)
        case _:
            raise ValueError("unknown block")


def _check_text(text: Any) -> None:
    _require(set(text) <= {"type", "text", "verbatim"}, "text keys")
    _require(text["type"] == "mrkdwn" and text["verbatim"] is True, "text type")
    _require(0 < len(text["text"].encode("utf-16-le")) // 2 <= 3000, "text length")
    _check_markup(text["text"])


def _check_markup(text: str) -> None:
    plain = _MARKUP.sub("", text)
    _require("<" not in plain and ">" not in plain, "half a link")
    _require("&" not in _ENTITY.sub("", plain), "half an entity")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


@asynccontextmanager
async def slack_stand_in() -> AsyncIterator[SlackStandIn]:
    stand_in = SlackStandIn("")
    app = web.Application()
    app.router.add_post("/{path:.*}", stand_in.hear)
    server = TestServer(app)
    async with server:
        stand_in.url = str(server.make_url(PATH))
        yield stand_in
