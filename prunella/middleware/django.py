"""Makes a Django project visible: the first line of MIDDLEWARE, and `PRUNELLA = {"metrics_path": "/metrics"}` in its settings.

Served by WSGI or by ASGI. What stands before it in MIDDLEWARE is not measured.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from prunella.cardinality import OTHER
from prunella.correlation import HEADER, TRACE_HEADER, correlated
from prunella.errors import unhandled
from prunella.middleware.measure import CLIENT_GONE, IN_PROGRESS, route_of
from prunella.middleware.pages import Answer, Asked, Pages

_REFUSALS = (BadRequest, Http404, PermissionDenied, SuspiciousOperation)


class PrunellaMiddleware:
    """`MIDDLEWARE = ["prunella.middleware.django.PrunellaMiddleware", …]`."""

    sync_capable = async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self._pages = Pages(**getattr(settings, "PRUNELLA", {}))
        self._paths = self._pages.paths
        self._waits = iscoroutinefunction(get_response)
        if self._waits:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """A coroutine where Django awaits one."""
        return self._awaited(request) if self._waits else self._called(request)

    def _called(self, request: HttpRequest) -> HttpResponseBase:
        begun = _Request(request)
        with begun.work:
            if self._ours(request):
                page = asyncio.run(self._pages.answer(_asked(request)))
                return begun.answered(_response(page), request.path)
            return begun.answered(self.get_response(request))

    async def _awaited(self, request: HttpRequest) -> HttpResponseBase:
        begun = _Request(request)
        with begun.work:
            if self._ours(request):
                page = await self._pages.answer(_asked(request))
                return begun.answered(_response(page), request.path)
            try:
                return begun.answered(await self.get_response(request))
            except asyncio.CancelledError:
                begun.end(CLIENT_GONE, _template(request))
                raise

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        """Django's hook for what a view has raised: it answers by itself, so that none comes out of it."""
        if not isinstance(exception, _REFUSALS):
            unhandled(exception, {"method": request.method, "route": _template(request)})

    def _ours(self, request: HttpRequest) -> bool:
        return request.path in self._paths and request.method in {"GET", "HEAD"}


class _Request:
    """One request, from its header to the end of its answer."""

    def __init__(self, request: HttpRequest) -> None:
        self._request, self._over = request, False
        headers = request.headers
        self.work = correlated(headers.get(HEADER), headers.get(TRACE_HEADER))
        self._began = time.perf_counter()
        IN_PROGRESS.inc()

    def answered(self, response: HttpResponseBase, route: str = "") -> HttpResponseBase:
        """A stream is over when Django closes it, any other answer now."""
        response[HEADER] = self.work.id
        template = route or _template(self._request)
        if not response.streaming:
            self.end(response.status_code, template, len(getattr(response, "content", b"")))
            return response
        self._watch(response, template)
        close = response.close

        def closed() -> None:
            try:
                close()
            finally:
                self.end(response.status_code, template)

        response.close = closed  # type: ignore[method-assign]  # Django has no hook for the end of a stream
        return response

    def _watch(self, response: Any, template: str) -> None:
        """A stream runs under the id of its request, and says how it ended: served by ASGI Django closes none that breaks.

        A file is left to the server, which may send it by itself.
        """
        if getattr(response, "file_to_stream", None) is None:
            of = self._parts_later if response.is_async else self._parts
            response.streaming_content = of(response.streaming_content, response, template)

    def _parts(self, parts: Iterator[bytes], response: Any, template: str) -> Iterator[bytes]:
        status = self._left(response)
        try:
            while True:
                with self.work:
                    part = next(parts, None)
                if part is None:
                    status = response.status_code
                    return
                yield part
        except Exception as error:
            status = self._broken(error, template)
            raise
        finally:
            self.end(status, template)

    async def _parts_later(
        self, parts: AsyncIterator[bytes], response: Any, template: str
    ) -> AsyncIterator[bytes]:
        status = self._left(response)
        try:
            while True:
                with self.work:
                    part = await anext(parts, None)
                if part is None:
                    status = response.status_code
                    return
                yield part
        except Exception as error:
            status = self._broken(error, template)
            raise
        finally:
            self.end(status, template)

    def _left(self, response: Any) -> int:
        """What a stream is that was not read to its end; nobody waits for that of a HEAD."""
        return int(response.status_code) if self._request.method == "HEAD" else CLIENT_GONE

    def _broken(self, error: Exception, template: str) -> int:
        """In the middle of a stream, where Django calls no hook."""
        with self.work:
            unhandled(error, {"method": self._request.method, "route": template})
        return 500

    def end(self, status: int, template: str, size: int | None = None) -> None:
        """Counts it, once."""
        if self._over:
            return
        self._over = True
        IN_PROGRESS.dec()
        route = route_of(str(self._request.method), template)
        route.ended(status, time.perf_counter() - self._began, size, self.work.trace)
        received = str(self._request.META.get("CONTENT_LENGTH") or "")
        if received.isascii() and received.isdigit() and len(received) < 20:
            route.received(int(received))


def _template(request: HttpRequest) -> str:
    """The route with the prefixes of all that include it; `other` when none matched."""
    match = request.resolver_match
    return OTHER if match is None else f"/{match.route.removeprefix('^')}"


def _asked(request: HttpRequest) -> Asked:
    headers, query = request.headers, request.META.get("QUERY_STRING", "")
    return Asked(request.path, query, lambda name: headers.get(name, ""))


def _response(page: Answer) -> HttpResponse:
    response = HttpResponse(page.body, status=page.status)
    for name, value in page.all_headers():
        response[name] = value
    return response
