"""PagerDuty's Events API v2 as far as it can refuse an event, and the alerts that a responder would see.

After developer.pagerduty.com: "Send an Alert Event", "Send a Change Event", "Events API v2 overview".
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "c4narydeadbeefc4narydeadbeefc4na"
MOST = 512 * 1024
CHANGES = "/v2/change/enqueue"
_EVENT = {"routing_key", "event_action", "dedup_key", "payload", "links", "images", "client"}
_STATUS = {"acknowledge": "acknowledged", "resolve": "resolved"}
_PAYLOAD = {"summary", "source", "severity", "timestamp", "component", "group", "class"}


@dataclass
class Alert:
    """One alert of the service: its log is what was sent to it, in order."""

    key: str
    status: str = "triggered"
    log: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class PagerDutyStandIn:
    url: str = ""
    alerts: list[Alert] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    dropped: list[dict[str, Any]] = field(default_factory=list)  # for alerts that nobody opened
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order

    @property
    def opened(self) -> list[Alert]:
        return [alert for alert in self.alerts if alert.status != "resolved"]

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        body = await request.read()
        try:
            event = _read(request, body)
        except (ValueError, KeyError, TypeError) as error:
            return _answer(400, "invalid event", "Event object is invalid", errors=[str(error)])
        if event["routing_key"] != KEY:
            return _answer(400, "invalid event", "Event object is invalid", errors=["routing_key"])
        if request.path == CHANGES:
            self.changes.append(event)
            return _answer(202, "success", "Change event processed")
        key = event.get("dedup_key") or f"made-up-{len(self.alerts)}"
        self._take(event, key)
        return _answer(202, "success", "Event processed", dedup_key=key)

    def _take(self, event: dict[str, Any], key: str) -> None:
        found = next((alert for alert in self.opened if alert.key == key), None)
        action = event["event_action"]
        if found is None and action != "trigger":
            self.dropped.append(event)
            return
        if found is None:
            found = Alert(key)
            self.alerts.append(found)
        found.log.append(event)
        found.status = _STATUS.get(action, found.status)


def _answer(status: int, word: str, message: str, **more: Any) -> web.Response:
    return web.json_response({"status": word, "message": message, **more}, status=status)


def _read(request: web.Request, body: bytes) -> dict[str, Any]:
    _require(request.path in {"/v2/enqueue", CHANGES}, f"no such address: {request.path}")
    _require(request.content_type == "application/json", "Content-Type must be application/json")
    _require(len(body) <= MOST, "the event is larger than 512 KB")
    event: dict[str, Any] = json.loads(body)
    if request.path == CHANGES:
        return _change(event)
    _require(set(event) <= _EVENT | {"client_url"}, f"unknown keys {set(event) - _EVENT}")
    _require(event["event_action"] in {"trigger", "acknowledge", "resolve"}, "event_action")
    if event["event_action"] != "trigger":
        _require(bool(event["dedup_key"]), "dedup_key is required")
    else:
        _check_payload(event["payload"])
    _require(len(event.get("dedup_key", "")) <= 255, "dedup_key is too long")
    for link in event.get("links", []):
        _require(set(link) <= {"href", "text"} and link["href"].startswith("http"), "links")
    return event


def _change(event: dict[str, Any]) -> dict[str, Any]:
    _require(set(event) <= {"routing_key", "payload", "links", "images"}, "unknown keys")
    payload = event["payload"]
    _require(set(payload) <= {"summary", "source", "timestamp", "custom_details"}, "payload")
    _require(0 < len(payload["summary"]) <= 1024, "summary must be 1 to 1024 characters")
    return event


def _check_payload(payload: Mapping[str, Any]) -> None:
    _require(set(payload) <= _PAYLOAD | {"custom_details"}, "unknown keys in payload")
    _require(0 < len(payload["summary"]) <= 1024, "summary must be 1 to 1024 characters")
    _require(len(payload["source"]) > 0, "source must not be empty")
    _require(payload["severity"] in {"critical", "error", "warning", "info"}, "severity")
    if "timestamp" in payload:
        datetime.fromisoformat(payload["timestamp"])
    _require(isinstance(payload.get("custom_details", {}), dict | str), "custom_details")


def _require(true: bool, what: str) -> None:
    if not true:
        raise ValueError(what)


@asynccontextmanager
async def pagerduty_stand_in() -> AsyncIterator[PagerDutyStandIn]:
    """Listens on a free port of loopback."""
    stand_in = PagerDutyStandIn()
    app = web.Application(client_max_size=4 * MOST)
    app.router.add_post("/{path:.*}", stand_in.hear)
    async with TestServer(app) as server:
        stand_in.url = str(server.make_url("")).rstrip("/")
        yield stand_in
