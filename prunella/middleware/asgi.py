"""Makes an ASGI app (Starlette, FastAPI, Litestar, …) visible: traffic metrics by route template, correlation ids, pages.

It wraps the app and no request: what other middleware builds for every request (a Request, headers, a second look for
the route) is most of what that costs.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from prunella.cardinality import OTHER
from prunella.correlation import CURRENT, correlated
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, IN_PROGRESS, SWITCHED, Route
from prunella.middleware.measure import route_of as route_for
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
_PARTS = {"http.response.body", "http.response.pathsend", "http.response.zerocopysend"}


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
        self._paths = tuple(self._pages.paths)
        templates = Templates(app)
        self._template: Callable[[Scope], str | None] = route_of or templates.of
        self._route = templates.route if route_of is None else self._named

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        kind = scope["type"]
        if kind == "http":
            request = _Request(scope, send)
        elif kind == "websocket":
            request = _Socket(scope, send)
        else:
            await self.app(scope, receive, send)
            return
        app = self.app
        # one look at its end tells nearly every path from ours, without a call
        if scope["path"].endswith(self._paths) and kind == "http" and _path(scope) in self._paths:
            app = self._page if scope["method"] in {"GET", "HEAD"} else app
        token = CURRENT.set(request.work)
        IN_PROGRESS.inc()
        try:
            await app(scope, receive, request.answer)
        except BaseException as error:
            request.fail(error, self._template)
            raise
        finally:
            CURRENT.reset(token)
            IN_PROGRESS.inc(-1)  # which `dec` calls
            request.count(self._route)

    def _named(self, scope: Scope) -> Route:
        return route_for(scope["method"], self._template(scope) or OTHER)

    async def _page(self, scope: Scope, _: Any, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        query, path = scope.get("query_string", b"").decode("latin-1"), _path(scope)
        asked = Asked(path, query, lambda name: headers.get(name.encode(), b"").decode("latin-1"))
        page = await self._pages.answer(asked)
        scope["path_template"] = path
        answered = [(k.lower().encode(), v.encode("latin-1")) for k, v in page.all_headers()]
        await send({"type": "http.response.start", "status": page.status, "headers": answered})
        body = b"" if scope["method"] == "HEAD" else page.body
        await send({"type": "http.response.body", "body": body})


class _Request:
    """One request, from its header to the end of its answer."""

    __slots__ = ("_began", "_failed", "_over", "_send", "_sent", "_size", "_status", "scope", "work")  # fmt: skip

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self._status = self._failed = self._size = 0
        self._sent = 0.0  # bytes; what is a float already need not be made one when it is counted
        self._over = 0.0  # when the last of its answer was sent: the app may go on with other work
        received = trace = None
        for name, value in scope["headers"]:
            if name in _WANTED:
                if name == _ID:
                    received = value.decode("latin-1")
                elif name == _TRACE:
                    trace = value.decode("latin-1")
                elif value.isdigit() and len(value) < 20:
                    self._size = int(value)
        self.work = correlated(received, trace)
        self._began = perf_counter()

    def answer(self, message: Message) -> Awaitable[None]:
        """Instead of the server's `send`; no coroutine of its own, which each message would pay for."""
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
            self._stamp(message)
        elif kind in _PARTS:
            self._sent += len(message.get("body", b""))
            if not message.get("more_body", False):
                self._over = perf_counter()
        return self._send(message)

    def _stamp(self, message: Message) -> None:
        headers = message.get("headers") or ()
        for name, _ in headers:
            if name == _ID:  # the app's own, which is seldom: then one of the two has to go
                headers = [pair for pair in headers if pair[0] != _ID]
        message["headers"] = [*headers, (_ID, self.work.id.encode())]

    def fail(self, error: BaseException, template: Callable[[Scope], str | None]) -> None:
        """It came out of the app; what fails after the answer is no failure of the answer."""
        gone = isinstance(error, CancelledError) or type(error).__name__ == _GONE
        if not self._over:
            self._failed = CLIENT_GONE if gone else 500
        if not gone and isinstance(error, Exception):
            method, route = self.scope.get("method", "GET"), template(self.scope)
            unhandled(error, {"method": method, "route": route})

    def count(self, route_of: Callable[[Scope], Route]) -> None:
        """Once, however it ended: what was begun and not finished, nobody waited for."""
        route, over, work = route_of(self.scope), self._over, self.work
        if over and self._status:
            route.ended(self._status, over - self._began, self._sent, work.trace)
        else:
            status = self._failed or (CLIENT_GONE if self._status else 500)
            took = perf_counter() - self._began
            route.ended(status, took, self._sent if self._status else None, work.trace)
        if self._size:
            route.received(self._size)


class _Socket(_Request):
    """A websocket: counted when it ends, and not timed, because how long people stay is no latency."""

    __slots__ = ("_accepted",)

    def __init__(self, scope: Scope, send: Send) -> None:
        super().__init__(scope, send)
        self._accepted = False

    def answer(self, message: Message) -> Awaitable[None]:
        kind = message["type"]
        if kind == "websocket.accept":
            self._accepted, self._status = True, SWITCHED
            self._stamp(message)
        elif kind == "websocket.close" and not self._accepted:
            self._status = 403
        elif kind == "websocket.http.response.start":
            self._status = message["status"]
            self._stamp(message)
        return self._send(message)

    def count(self, route_of: Callable[[Scope], Route]) -> None:
        left = self._failed == CLIENT_GONE and self._accepted
        status = SWITCHED if left else self._failed or self._status or CLIENT_GONE
        route_of({**self.scope, "method": "GET"}).count(status)


def _path(scope: Scope) -> str:
    """As the app sees it, below the prefix that a proxy or a mount has taken."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(root) :] if root and path.startswith(f"{root}/") else path
