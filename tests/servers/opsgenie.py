"""Opsgenie's alert API, as its successor takes it too: what it refuses, and the alerts that somebody on call would see.

After docs.opsgenie.com, "Alert API", and developer.atlassian.com, "JSM Operations integration events".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "c4nary00-dead-beef-c4na-ry00deadbeef"
_CREATE = {
    *("message", "alias", "description", "responders", "visibleTo", "actions", "tags", "details"),
    *("entity", "source", "priority", "user", "note"),
}
_LIMITS = {"message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100}


@dataclass
class Alert:
    """One alert: `count` is how often it was created while it was open."""

    alias: str
    created: dict[str, Any]
    status: str = "open"
    acknowledged: bool = False
    count: int = 1
    notes: list[str] = field(default_factory=list)


@dataclass
class OpsgenieStandIn:
    url: str = ""
    alerts: list[Alert] = field(default_factory=list)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order
    requests: int = 0

    @property
    def opened(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.status == "open"]

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        if request.headers.get("Authorization") != f"GenieKey {KEY}":
            return _refused(401, "Could not authenticate")
        if request.content_type != "application/json":
            return _refused(415, "Content type must be application/json")
        self.requests += 1
        try:
            self._take(request, json.loads(await request.read()))
        except (ValueError, KeyError, TypeError) as error:
            return _refused(422, f"Request body is not processable: {error}")
        taken = {"result": "Request will be processed", "took": 0.1, "requestId": "r1"}
        return web.json_response(taken, status=202)

    def _take(self, request: web.Request, message: dict[str, Any]) -> None:
        alias = request.match_info.get("alias")
        if alias is None:
            self._create(message)
            return
        _require(request.query.get("identifierType") == "alias", "identifierType")
        _require(set(message) <= {"user", "source", "note"}, "unknown keys")
        _require(len(message.get("note", "")) <= 25_000, "note is too long")
        found = next((alert for alert in self.opened if alert.alias == alias), None)
        if found is None:
            return  # it was accepted; that there is no such alert is found out later
        found.notes.append(message.get("note", ""))
        word = request.match_info["word"]
        found.acknowledged |= word == "acknowledge"
        found.status = "closed" if word == "close" else "open"

    def _create(self, message: dict[str, Any]) -> None:
        _require(set(message) <= _CREATE, f"unknown keys {set(message) - _CREATE}")
        _require(bool(message["message"]), "message is empty")
        for name, most in _LIMITS.items():
            _require(len(message.get(name, "")) <= most, f"{name} is longer than {most}")
        tags, details = message.get("tags", []), message.get("details", {})
        _require(len(tags) <= 20 and all(0 < len(tag) <= 50 for tag in tags), "tags")
        _require(all(isinstance(value, str) for value in details.values()), "details")
        _require(sum(len(k) + len(v) for k, v in details.items()) <= 8000, "details are too long")
        _require(message.get("priority", "P3") in {"P1", "P2", "P3", "P4", "P5"}, "priority")
        found = next((alert for alert in self.opened if alert.alias == message["alias"]), None)
        if found is not None:
            found.count += 1
        else:
            self.alerts.append(Alert(message["alias"], message))


def _refused(status: int, message: str) -> web.Response:
    return web.json_response({"message": message, "took": 0.0, "requestId": "r0"}, status=status)


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(what)


@asynccontextmanager
async def opsgenie_stand_in() -> AsyncIterator[OpsgenieStandIn]:
    """Listens on a free port of loopback."""
    stand_in = OpsgenieStandIn()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/v2/alerts", stand_in.hear)
    app.router.add_post("/v2/alerts/{alias}/{word:close|acknowledge|notes}", stand_in.hear)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
