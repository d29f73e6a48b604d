"""A service as an aiohttp application: every route of it, for whatever a request is like.

The order in which a request is looked at is the point: its token before its size, its size before its body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prunella.correlation import HEADER, TRACE_HEADER, correlated
from prunella.middleware.aiohttp import template_of
from prunella.middleware.measure import CLIENT_GONE, Measured
from prunella.service.answers import Refused
from prunella.service.auth import Auth, Denied
from prunella.service.connection import Connection
from prunella.service.deadlines import guard_of
from prunella.service.door import Door
from prunella.service.heads import Asked
from prunella.service.responses import add_security_headers, answer_to, response_of
from prunella.service.route import ALWAYS_OPEN, CHALLENGE, SIGNATURE, Proof, Route, Served

EXPECT = "Expect"
CLIENT = web.RequestKey("client", str)  # `request[CLIENT]`: the name of the token, or empty
ROUTES = web.AppKey("routes", tuple)  # `request.app[ROUTES]`: every Route that is served


class Application:
    """It runs from `open` to `close`."""

    def __init__(self, served: Served) -> None:
        self._runner = web.AppRunner(application(served), shutdown_timeout=served.grace)

    async def open(self) -> None:
        await self._runner.setup()

    def connection(self) -> asyncio.Protocol:
        """For one client. Raises RuntimeError when it does not run."""
        if self._runner.server is None:
            raise RuntimeError("the application has not been opened")
        return Connection(self._runner.server)

    async def close(self) -> None:
        """What is under way has its time before."""
        await self._runner.cleanup()


def application(served: Served) -> web.Application:
    """The aiohttp app."""
    guarded: dict[web.AbstractRoute, Route] = {}
    app = web.Application(
        client_max_size=served.max_body,
        middlewares=[_front(served, guarded)],
    )
    app[ROUTES] = served.routes
    for route in app[ROUTES]:
        for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
            added = app.router.add_route(
                method, route.path, _handler_of(route), expect_handler=_expect_later
            )
            guarded[added] = route
    if served.door is not None:
        app.on_response_prepare.append(_headers_of(served.door))
    app.on_response_prepare.append(add_security_headers)
    return app


def _handler_of(route: Route) -> Handler:
    """What answers by aiohttp, which is made of what answers without it where there is nothing else."""
    handler, give, take = route.handler, route.give, route.take

    async def given(request: web.Request) -> web.Response:
        if give is not None:
            return response_of(await give(Asked(request.rel_url.raw_query_string, request.headers)))
        if take is not None:
            return response_of(await take(await request.read(), request[CLIENT]))
        raise TypeError(f"nothing answers {route.method} {route.path}")

    return given if handler is None else handler


def _front(served: Served, guarded: dict[web.AbstractRoute, Route]) -> Middleware:
    """All that surrounds a handler, in one: each layer more is a coroutine more for every request."""

    @web.middleware
    async def front(request: web.Request, handler: Handler) -> web.StreamResponse:
        guard = guard_of(request.transport)
        guard.request_began(request.content)
        try:
            with (
                correlated(
                    request.headers.get(HEADER), request.headers.get(TRACE_HEADER)
                ) as correlation,
                Measured(request.method, template_of(request)) as measured,
            ):
                try:
                    if served.door is not None and request.path not in ALWAYS_OPEN:
                        await served.door.admit(request.headers.get("Authorization"))
                    proof = _admitted(request, served, guarded)
                    if proof is not None or EXPECT in request.headers:
                        await _go_on(request, served.auth, proof)
                    response = await handler(request)
                except asyncio.CancelledError:
                    measured.status = CLIENT_GONE
                    raise
                except Exception as error:  # noqa: BLE001 - answered and logged; the next request must not suffer
                    response = answer_to(request, error)
                measured.status = response.status
                measured.received(request.content_length)
                if not response.prepared:
                    measured.size = response.content_length
                    response.headers[HEADER] = correlation
        finally:
            guard.request_ended()
        if not request.content.is_eof():
            response.force_close()  # answered early: the rest of the body is not worth waiting for
        return response

    return front


def _admitted(
    request: web.Request, served: Served, guarded: dict[web.AbstractRoute, Route]
) -> Proof | None:
    """Raises Refused for who may not, and for what is too much; the proof that is still to be given."""
    if request.match_info.http_exception is not None:
        return None  # 404 or 405: nothing there to guard
    route = guarded[request.match_info.route]
    if route.proof is None:
        header = request.headers.get("Authorization")
        try:
            request[CLIENT] = served.auth.client(header, route.scope, request.remote or "")
        except Denied as denied:
            if denied.known:
                raise Refused(403, denied.reason, str(denied)) from denied
            raise Refused(401, denied.reason, str(denied), CHALLENGE) from denied
    if (request.content_length or 0) > served.max_body:
        raise Refused(413, "body_too_large", f"the body may have {served.max_body} bytes")
    return route.proof


async def _go_on(request: web.Request, auth: Auth, proof: Proof | None) -> None:
    """What only some requests need before their handler."""
    if EXPECT in request.headers:
        await _continue(request)
    if proof is None:
        return
    try:
        request[CLIENT] = await proof(request)
    except Denied as denied:
        auth.refused(request.remote or "", denied)
        raise Refused(401, denied.reason, str(denied), SIGNATURE) from denied


def _headers_of(
    door: Door,
) -> Callable[[web.BaseRequest, web.StreamResponse], Awaitable[None]]:
    async def add(_: web.BaseRequest, response: web.StreamResponse) -> None:
        response.headers.update(door.headers)

    return add


async def _expect_later(_: web.Request) -> None:
    """Instead of aiohttp's handler, which would ask for the body before the token is looked at."""


async def _continue(request: web.Request) -> None:
    if request.headers[EXPECT].lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # so that aiohttp still knows that no answer was begun
