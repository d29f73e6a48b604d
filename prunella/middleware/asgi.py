"""Makes an ASGI app (Starlette, FastAPI, Litestar, …) visible: traffic metrics by route template, correlation ids, pages.

It wraps the app and no request: what other middleware builds for every request (a Request, headers, a second look for
the route) is most of what that costs.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from prunella.correlation import correlated
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, IN_PROGRESS, SWITCHED, ended, route_of
from prunella.middleware.pages import Asked, Pages
from prunella.middleware.templates import Templates

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
# Every framework has words of its own for what it calls and is called with; they all mean these.
App = Callable[[Any, Any, Any], Awaitable[None]]

_ID, _TRACE, _LENGTH = b"x-correlation-id", b"traceparent", b"content-length"
_WANTED = frozenset({_ID, _TRACE, _LENGTH})
_GONE = "ClientDisconnect"


class PrunellaMiddleware:
    """`app = PrunellaMiddleware(app, metrics_path="/metrics")`, or `app.add_middleware(PrunellaMiddleware, …)`.

    Around the whole app it also puts the correlation id on the answer that Starlette gives for an unhandled error.
    `route_of` names the route of a scope, for frameworks that leave neither `route` nor `endpoint` there.
    """

    def __init__(
        self, app: App, /, *, route_of: Callable[[Scope], str | None] | None = None, **pages: Any
    ) -> None:
        self.app = app
        self._pages = Pages(**pages)
        self._paths = self._pages.paths
        self._template = route_of or Templates(app).of

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            request = _Request(scope, send)
        elif kind == "websocket":
            request = _Socket(scope, send)
        else:
            await self.app(scope, receive, send)
            return
        app, template = self.app, self._template
        if self._paths and kind == "http" and scope["method"] in {"GET", "HEAD"}:
            path = _path(scope)
            if path in self._paths:
                app, template = self._page, lambda _: path
        IN_PROGRESS.inc()
        try:
            with request.work:
                await self._run(app, request, receive)
        finally:
            IN_PROGRESS.dec()
            request.count(template(scope) or "other")

    async def _run(self, app: App, request: _Request, receive: Any) -> None:
        try:
            await app(request.scope, receive, request.answer)
        except asyncio.CancelledError:
            request.failed = CLIENT_GONE
            raise
        except Exception as error:
            request.failed = CLIENT_GONE if type(error).__name__ == _GONE else 500
            told = {"method": request.method, "route": self._template(request.scope)}
            unhandled(error, told)
            raise

    async def _page(self, scope: Scope, _: Any, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        asked = Asked(_path(scope), query, lambda name: headers.get(name.encode(), b"").decode("latin-1"))  # fmt: skip
        page = await self._pages.answer(asked)
        answered = [(k.lower().encode(), v.encode("latin-1")) for k, v in page.all_headers()]
        await send({"type": "http.response.start", "status": page.status, "headers": answered})
        body = b"" if scope["method"] == "HEAD" else page.body
        await send({"type": "http.response.body", "body": body})


class _Request:
    """One request, from its header to the end of its answer."""

    __slots__ = ("_began", "_id", "_send", "complete", "failed", "method", "scope", "sent", "size", "status", "work")  # fmt: skip

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self.method = scope.get("method", "GET")
        self.status = self.failed = self.sent = self.size = 0
        self.complete = False
        received = trace = None
        for name, value in scope["headers"]:
            if name in _WANTED:
                if name == _ID:
                    received = value.decode("latin-1")
                elif name == _TRACE:
                    trace = value.decode("latin-1")
                elif value.isdigit() and len(value) < 20:
                    self.size = int(value)
        self.work = correlated(received, trace)
        self._id = self.work.id.encode()
        self._began = time.perf_counter()

    async def answer(self, message: Message) -> None:
        """Instead of the server's `send`."""
        kind = message["type"]
        if kind == "http.response.body":
            self.sent += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        elif kind == "http.response.start":
            self.status = message["status"]
            self._stamp(message)
        elif kind in {"http.response.pathsend", "http.response.zerocopysend"}:
            self.complete = not message.get("more_body", False)
        await self._send(message)

    def _stamp(self, message: Message) -> None:
        own = [pair for pair in _headers(message) if pair[0] != _ID]
        own.append((_ID, self._id))
        message["headers"] = own

    def count(self, template: str) -> None:
        """Once, however it ended: what was begun and not finished, nobody waited for."""
        route = route_of(self.method, template)
        status = self.failed or self.status or 500
        if not self.failed and self.status and not self.complete:
            status = CLIENT_GONE
        ended(route, status, self._began, self.work.trace)
        if self.size:
            route.received(self.size)
        if self.status:
            route.sent(self.sent)


class _Socket(_Request):
    """A websocket: counted when it ends, and not timed, because how long people stay is no latency."""

    __slots__ = ("_accepted",)

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self._accepted = False

    async def answer(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accepted, self.status = True, SWITCHED
            self._stamp(message)
        elif kind == "websocket.close" and not self._accepted:
            self.status = 403
        elif kind == "websocket.http.response.start":
            self.status = message["status"]
            self._stamp(message)
        await self._send(message)

    def count(self, template: str) -> None:
        left = self.failed == CLIENT_GONE and self._accepted
        status = SWITCHED if left else self.failed or self.status or CLIENT_GONE
        route_of("GET", template).count(status)


def _headers(message: Message) -> Iterable[tuple[bytes, bytes]]:
    return message.get("headers") or ()


def _path(scope: Scope) -> str:
    """As the app sees it, below the prefix that a proxy or a mount has taken."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
