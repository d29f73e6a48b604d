"""A workflow of Power Automate that posts cards to a Teams channel, as far as it can refuse one.

After "Create incoming webhooks with Workflows for Microsoft Teams" and the Adaptive Card schema 1.2. That what a card
holds is refused later, in the flow's own history, is told here at once.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

PATH = "/workflows/0123/triggers/manual/paths/invoke"
QUERY = "api-version=1&sp=%2Ftriggers&sv=1.0&sig=c4nary5b2e"
MOST = 28 * 1024
_RUN = {"type", "text", "size", "weight", "color", "isSubtle"}


@dataclass
class TeamsStandIn:
    url: str = ""
    cards: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order

    @property
    def lines(self) -> list[str]:
        """What stands in the last card, a block a line."""
        blocks = self.cards[-1]["body"]
        return ["".join(run["text"] for run in block["inlines"]) for block in blocks]

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        if request.raw_path != f"{PATH}?{QUERY}":
            return web.json_response(
                {"error": {"code": "DirectApiAuthorizationRequired"}}, status=401
            )
        body = await request.read()
        if len(body) > MOST:
            return web.json_response({"error": {"code": "RequestEntityTooLarge"}}, status=413)
        try:
            self.cards.append(_card(request, body))
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"error": {"message": str(error)}}, status=400)
        return web.Response(status=202)


def _card(request: web.Request, body: bytes) -> dict[str, Any]:
    _require(request.content_type == "application/json", "Content-Type")
    message = json.loads(body)
    _require(message["type"] == "message", "type")
    (attachment,) = message["attachments"]
    _require(attachment["contentType"] == "application/vnd.microsoft.card.adaptive", "contentType")
    card: dict[str, Any] = attachment["content"]
    _require(card["type"] == "AdaptiveCard" and card["version"] == "1.2", "card")
    _require("entities" not in card.get("msteams", {}), "this would mention somebody")
    for block in card["body"]:
        _check_block(block)
    for action in card["actions"]:
        _require(set(action) == {"type", "title", "url"} and bool(action["title"]), "action")
        _require(action["url"].startswith(("http://", "https://")), "url")
    return card


def _check_block(block: Mapping[str, Any]) -> None:
    _require(block["type"] == "RichTextBlock" and bool(block["inlines"]), "block")
    for run in block["inlines"]:
        _require(run["type"] == "TextRun" and set(run) <= _RUN, "run")
        _require(bool(run["text"]), "a run has no text")
        _require("{{" not in run["text"], "a function")


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(what)


@asynccontextmanager
async def teams_stand_in() -> AsyncIterator[TeamsStandIn]:
    """Listens on a free port of loopback."""
    stand_in = TeamsStandIn()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post(PATH, stand_in.hear)
    async with TestServer(app) as server:
        stand_in.url = f"{str(server.make_url('')).rstrip('/')}{PATH}?{QUERY}"
        yield stand_in
