"""One request to an ASGI app, as a server makes it, and what the app sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prunella.middleware.asgi import App, Message


@dataclass
class Sent:
    """What came from the app."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        pairs = self.messages[0].get("headers", [])
        return {name.decode(): value.decode("latin-1") for name, value in pairs}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])


def scope_of(path: str, method: str = "GET", **headers: str) -> dict[str, Any]:
    path, _, query = path.partition("?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"x"), *_pairs(headers)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }


def _pairs(headers: Mapping[str, str]) -> Sequence[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]  # fmt: skip


async def ask(app: App, path: str, method: str = "GET", **headers: str) -> Sent:
    return await drive(app, scope_of(path, method, **headers))


async def drive(app: App, scope: dict[str, Any], *events: Message) -> Sent:
    """The app is given these events, then silence as from a client that has gone."""
    sent, waiting = Sent(), [*events] or [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.messages.append(message)

    await app(scope, receive, send)
    return sent


def socket_of(path: str) -> dict[str, Any]:
    scope = scope_of(path)
    scope.update(type="websocket", scheme="ws", subprotocols=[])
    del scope["method"]
    return scope
