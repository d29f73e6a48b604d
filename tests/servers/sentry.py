"""Sentry's intake as far as it can refuse an envelope, and the issues that its events become.

After develop.sentry.dev: "Envelopes", "Event payloads", "Rate limiting".
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

KEY = "c4nary5b2edeadbeefc4nary5b2edead"
_LEVELS = {"fatal", "error", "warning", "info", "debug"}


@dataclass
class SentryStandIn:
    dsn: str = ""
    # by id: a double is stored once
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    refusals: list[web.Response] = field(default_factory=list)  # answered first, in order

    @property
    def issues(self) -> set[str]:
        return {json.dumps(event.get("fingerprint")) for event in self.events.values()}

    async def hear(self, request: web.Request) -> web.Response:
        if self.refusals:
            return self.refusals.pop(0)
        said = request.headers.get("X-Sentry-Auth", "")
        found = re.search(r"sentry_key=([0-9a-z]+)", said)
        if found is None or found[1] != KEY or "sentry_version=7" not in said:
            return web.json_response({"detail": "bad sentry DSN public key"}, status=401)
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        try:
            id_ = self._store(body)
        except (ValueError, KeyError, TypeError) as error:
            return web.json_response({"detail": f"envelope: {error}"}, status=400)
        return web.json_response({"id": id_})

    def _store(self, body: bytes) -> str:
        head, _, rest = body.partition(b"\n")
        envelope = json.loads(head)
        item, _, payload = rest.partition(b"\n")
        about = json.loads(item)
        if about["type"] != "event":
            return ""  # sessions, reports of the client
        event = json.loads(payload[: about["length"]] if "length" in about else payload)
        if not re.fullmatch("[0-9a-f]{32}", event["event_id"]):
            raise ValueError("event_id")
        if envelope["event_id"] != event["event_id"] or event.get("level") not in _LEVELS:
            raise ValueError("event_id or level")
        tags = event.get("tags", {})
        if any(len(k) > 32 or len(v) > 200 or "\n" in v for k, v in dict(tags).items()):
            raise ValueError("tags")
        if len(payload) > 1 << 20:
            raise ValueError("too large")
        self.events[event["event_id"]] = event
        return str(event["event_id"])


@asynccontextmanager
async def sentry_stand_in() -> AsyncIterator[SentryStandIn]:
    """Listens on a free port of loopback; `dsn` is project 42's."""
    stand_in = SentryStandIn()
    app = web.Application(client_max_size=4 << 20)
    app.router.add_post("/api/42/envelope/", stand_in.hear)
    async with TestServer(app) as server:
        stand_in.dsn = f"http://{KEY}@127.0.0.1:{server.port}/42"
        yield stand_in
