"""Makes a WSGI app (Flask, or any other) visible: traffic metrics by route template, correlation ids, pages.

A WSGI answer is over when the server has read to its end, or closes, what the app has returned: until then a stream goes
on, and only then it is counted.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from http import HTTPStatus
from types import TracebackType
from typing import Any

from prunella.cardinality import OTHER
from prunella.correlation import HEADER, correlated
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, IN_PROGRESS, route_of
from prunella.middleware.pages import Asked, Pages

Environ = MutableMapping[str, Any]
Write = Callable[[bytes], object]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
# Every framework has words of its own for what it is called with; they all mean an environ and a start_response.
App = Callable[[Any, Any], Iterable[bytes]]

ROUTE = "prunella.route"  # in the environ: whoever knows the template writes it there


class PrunellaMiddleware:
    """`app.wsgi_app = PrunellaMiddleware(app.wsgi_app, metrics_path="/metrics")` for Flask; any WSGI app can be wrapped.

    `route_of` names the route of an environ; without it Flask is asked, and other apps may write `prunella.route` there.
    """

    def __init__(
        self, app: App, *, route_of: Callable[[Environ], str | None] | None = None, **pages: Any
    ) -> None:
        self.app = app
        self._pages = Pages(**pages)
        self._paths = self._pages.paths
        self._template = route_of or _written
        if route_of is None:
            _ask_flask(getattr(app, "__self__", app))

    def __call__(self, environ: Environ, start_response: Callable[..., Write]) -> Iterable[bytes]:
        request = _Request(environ, start_response, self._template)
        app = self.app
        if environ.get("PATH_INFO") in self._paths and request.method in {"GET", "HEAD"}:
            app = self._page
        IN_PROGRESS.inc()
        try:
            with request.work:
                parts = app(environ, request.start)
        except BaseException as error:
            request.end(error)
            raise
        return _Body(parts, request)

    def _page(self, environ: Environ, start_response: Callable[..., Write]) -> Iterable[bytes]:
        environ[ROUTE] = path = environ["PATH_INFO"]
        asked = Asked(path, environ.get("QUERY_STRING", ""), lambda name: _header(environ, name))
        page = asyncio.run(self._pages.answer(asked))
        status = HTTPStatus(page.status)
        start_response(f"{status.value} {status.phrase}", page.all_headers())
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [page.body]


class _Request:
    """One request, from its header to the end of its answer."""

    __slots__ = ("_began", "_environ", "_over", "_start", "_template", "method", "sent", "status", "work")  # fmt: skip

    def __init__(
        self, environ: Environ, start: Callable[..., Write], template: Callable[[Environ], Any]
    ) -> None:
        self._environ, self._start, self._template = environ, start, template
        self.method = str(environ.get("REQUEST_METHOD", "GET"))
        self.work = correlated(
            environ.get("HTTP_X_CORRELATION_ID"), environ.get("HTTP_TRACEPARENT")
        )
        self.status = self.sent = 0
        self._over = False
        self._began = time.perf_counter()

    def start(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Write:
        """Instead of the server's start_response."""
        code = status[:3]
        self.status = int(code) if code.isdigit() else 500
        name = HEADER.lower()
        own = [pair for pair in headers if pair[0].lower() != name]
        own.append((HEADER, self.work.id))
        write = self._start(status, own, exc_info) if exc_info else self._start(status, own)

        def written(part: bytes) -> object:
            self.sent += len(part)
            return write(part)

        return written

    def failed(self, error: BaseException) -> None:
        """What came out of the app in place of an answer, or of the middle of one."""
        if isinstance(error, GeneratorExit):
            self.status = CLIENT_GONE
            return
        self.status = 500
        if isinstance(error, Exception):
            with self.work:
                unhandled(error, {"method": self.method, "route": self._route()})

    def end(self, error: BaseException | None = None) -> None:
        """Counts it, once."""
        if self._over:
            return
        self._over = True
        IN_PROGRESS.dec()
        if error is not None:
            self.failed(error)
        route = route_of(self.method, self._route())
        sent = self.sent if self.status else None
        route.ended(self.status or 500, time.perf_counter() - self._began, sent, self.work.trace)
        size = str(self._environ.get("CONTENT_LENGTH") or "")
        if size.isascii() and size.isdigit() and len(size) < 20:  # a "²" is a digit, and no number
            route.received(int(size))

    def _route(self) -> str:
        return self._template(self._environ) or OTHER


class _Body:
    """What the server writes and closes. It is read in the context of its request, as the app made it."""

    def __init__(self, parts: Iterable[bytes], request: _Request) -> None:
        self._parts, self._request = parts, request
        self._iterator: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __len__(self) -> int:
        """Servers ask a list of one part for the Content-Length."""
        return len(self._parts)  # type: ignore[arg-type]  # raises TypeError for what has none, as it should

    def __next__(self) -> bytes:
        request = self._request
        try:
            with request.work:
                if self._iterator is None:
                    self._iterator = iter(self._parts)
                part = next(self._iterator)
        except StopIteration:
            request.end()  # not every caller closes what it has read: test clients do not
            raise
        except BaseException as error:
            request.end(error)
            raise
        request.sent += len(part)
        return part

    def close(self) -> None:
        """By the server, when all is sent or nobody listens any more."""
        close = getattr(self._parts, "close", None)
        try:
            if close is not None:
                with self._request.work:
                    close()
        finally:
            if not _whole(self._parts):  # unless it was read to its end, and is counted
                self._request.status = CLIENT_GONE
            self._request.end()


def _whole(parts: object) -> bool:
    """A list of parts need not be read to its end by a server that answers a HEAD, or that counts them first."""
    return isinstance(parts, list | tuple)


def _written(environ: Environ) -> str | None:
    route = environ.get(ROUTE)
    return route if isinstance(route, str) else None


def _header(environ: Environ, name: str) -> str:
    return str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))


def _ask_flask(app: object) -> None:
    """Has a Flask app write down the rule of each request before anything of its own runs, and tell of its errors.

    Flask answers an unhandled error by itself, so that none of them comes out of it.
    """
    flask = sys.modules.get("flask")
    functions = getattr(app, "before_request_funcs", None)
    if flask is None or functions is None:
        return

    def note() -> None:
        rule = flask.request.url_rule
        if rule is not None:
            flask.request.environ[ROUTE] = rule.rule

    def failed(_: object, exception: Exception, **__: object) -> None:
        environ = flask.request.environ
        route = _written(environ) or OTHER
        unhandled(exception, {"method": flask.request.method, "route": route})

    functions.setdefault(None, []).insert(0, note)
    flask.got_request_exception.connect(failed, app, weak=False)
