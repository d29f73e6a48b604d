"""The demonstration's Slack as the tests need it: it refuses, loses answers and takes webhooks as well.

It is strict where the documents are (keys, limits, scopes, markup, rate limits) and shows what a reader of the channel
would see. That it is not stricter or laxer than the real one where it matters is shown by slack-sdk, which talks to it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.preview import slack_page
from demo.preview.page import page
from demo.preview.slack import OF_HOOK, Posted, Slack, Workspace, buttons_of, links_of, texts_of
from demo.preview.slack import signed as signed_with
from demo.preview.slack_rules import MARKUP, Wrong, check

HOOK, TOKEN, CHANNEL, NAME = "/services/T0/B0/c4nary", "xoxb-c4nary", "C024BE91L", "#ops"
SIGNING_SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
WORKSPACE = Workspace(TOKEN, SIGNING_SECRET, CHANNEL, NAME)


@dataclass
class SlackStandIn(Slack):
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    calls: list[str] = field(default_factory=list)  # what was asked, refused or not
    allowance: int | None = None  # messages until it says that there are too many
    lost: int = 0  # answers that will not arrive although it took the message

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [one.body for one in self.posted]

    @property
    def texts(self) -> list[str]:
        """Every piece of text of the last message."""
        return list(texts_of(self.messages[-1]))

    @property
    def links(self) -> dict[str, str]:
        """Caption → address of what is clickable in the last message."""
        return {caption: url for text in self.texts for caption, url in links_of(text).items()}

    @property
    def pings(self) -> list[str]:
        """Who would be notified by any message."""
        texts = [text for message in self.messages for text in texts_of(message)]
        return [m for t in texts for m in MARKUP.findall(t) if m[:1] in {"!", "@", "#"}]

    def thread(self, number: int = 0) -> list[Posted]:
        """What stands below a message."""
        return self.below(self.posted[number].ts)

    def buttons(self, number: int = -1) -> dict[str, str]:
        """action_id → value of what may be pressed."""
        return {e["action_id"]: e["value"] for e in buttons_of(self.messages[number])}

    def press(
        self, word: str, *, user: str = "U0ANN", at: float, number: int = 0
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body as Slack sends them when somebody presses that button."""
        value = self.buttons(number)[word]
        return signed(self.pressing(value, word, user=user, number=number, at=at), at)

    def pressing(
        self, value: str, word: str, *, user: str = "U0ANN", number: int = 0, at: float = 0.0
    ) -> dict[str, Any]:
        return self.interaction(self.posted[number], word, value, user=user, at=at)

    def preview(self) -> str:
        """The channel as a page."""
        return page(f"Slack {NAME}", slack_page.channel(self))

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
            check(message, OF_HOOK)
        except (ValueError, KeyError, TypeError, Wrong) as error:
            return web.Response(status=400, text=f"invalid_blocks: {error}")
        self.keep(message)
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
            self.authorized(request.headers.get("Authorization", ""))
            answer = self.do(name, await _arguments(request))
        except Wrong as wrong:
            return web.json_response({"ok": False, "error": str(wrong)})
        if self.lost:
            self.lost -= 1
            return web.Response(status=502, text="bad gateway")
        return web.json_response({"ok": True, **answer})

    async def answered(self, request: web.Request) -> web.Response:
        """A response_url."""
        try:
            self.answer(request.path, await request.json())
        except Wrong as wrong:
            return web.json_response({"ok": False, "error": str(wrong)}, status=400)
        return web.json_response({"ok": True})


async def _arguments(request: web.Request) -> dict[str, Any]:
    if request.content_type != "application/json":
        return dict(await request.post())  # lists and objects in it would have to be JSON text
    try:
        arguments = json.loads(await request.read())
    except ValueError:
        raise Wrong("json_not_valid") from None
    return dict(arguments)


def signed(
    interaction: dict[str, Any], at: float, secret: str = SIGNING_SECRET
) -> tuple[dict[str, str], bytes]:
    """An interaction as it comes over the wire."""
    return signed_with(interaction, at, secret)


@asynccontextmanager
async def slack_stand_in() -> AsyncIterator[SlackStandIn]:
    stand_in = SlackStandIn(WORKSPACE, lambda: 1_700_000_000.0)
    app = web.Application()
    app.router.add_post("/api/{method}", stand_in.method)
    app.router.add_post("/actions/{path:.*}", stand_in.answered)
    app.router.add_post("/{path:.*}", stand_in.hook)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
