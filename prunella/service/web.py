"""A service's front door: routes with a scope each, deadlines, limits, and what every service answers about itself.

The order in which a request is looked at is the point: its token before its size, its size before its body.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from prunella.correlation import HEADER, TRACE_HEADER, correlated
from prunella.metrics import Gauge
from prunella.middleware.aiohttp import template_of
from prunella.middleware.measure import CLIENT_GONE, Measured
from prunella.service.answers import (
    Refused,
    add_security_headers,
    answer_to,
)
from prunella.service.auth import Auth, Denied, Scope
from prunella.service.deadlines import Deadlines, Guard, guard_of
from prunella.service.door import Door, attended
from prunella.service.express import MOST, Express, Give, Lane, Lanes, Take
from prunella.service.settings import ConfigError, ListenAddress, Problem
from prunella.service.vitals import Vitals
from prunella.version import version

_BUILD = Gauge("prunella_build_info", "The version that runs here; always 1.", ["version"])
_BUILD.labels(version()).set(1)

_BACKLOG = (
    4096  # connections the kernel keeps for us; a flood should not make others wait for a retry
)


CHALLENGE = {"WWW-Authenticate": 'Bearer realm="prunella"'}
SIGNATURE = {"WWW-Authenticate": 'Signature realm="prunella"'}
EXPECT = "Expect"
_ALWAYS_OPEN = frozenset({"/-/healthy", "/-/ready"})
CLIENT = web.RequestKey("client", str)  # `request[CLIENT]`: the name of the token, or empty


@dataclass(frozen=True, slots=True)
class Route:
    """Where a handler answers, and whom. GET answers HEAD, too.

    `proof` belongs to Scope.SIGNED: it looks at the request and names the client, or raises Denied. It reads no more of
    the body than it must, and bounds what it reads by itself. `express` answers an ordinary POST of JSON as the handler
    does, with a 202, from its body and its client alone; `give` an ordinary GET with a 200, from its query and headers.
    """

    method: str
    path: str
    scope: Scope
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    proof: Callable[[web.Request], Awaitable[str]] | None = None
    express: Take | None = None
    give: Give | None = None

    def check(self) -> None:
        """Raises TypeError for a route that nobody guards."""
        if not isinstance(self.scope, Scope):
            raise TypeError(f"{self.method} {self.path} has no scope")
        if (self.scope is Scope.SIGNED) != (self.proof is not None):
            raise TypeError(f"{self.method} {self.path}: a proof and Scope.SIGNED belong together")
        if self.express is not None and (self.method != "POST" or self.proof is not None):
            raise TypeError(f"{self.method} {self.path}: express is for a POST with a token")
        if self.give is not None and (self.method != "GET" or self.proof is not None):
            raise TypeError(f"{self.method} {self.path}: give is for a GET with a token")


ROUTES = web.AppKey("routes", tuple)  # `request.app[ROUTES]`: every Route that is served


def always_ready() -> str | None:
    """For a service that is ready as soon as it listens."""
    return None


def _nothing_to_end() -> None:
    """For a service whose answers all come to their end."""


@dataclass(frozen=True, kw_only=True)
class Service:
    """What one process serves. `ready` says why it is not, or None; `reload` raises ConfigError.

    A `door` is asked before everything else, but for `/-/healthy` and `/-/ready`; it has TLS of its own. `leaving` ends
    the answers that would never end, before requests in flight are waited for.
    """

    listen: ListenAddress
    routes: tuple[Route, ...]
    auth: Auth
    ready: Callable[[], str | None] = always_ready
    reload: Callable[[], Awaitable[None]] | None = None
    reload_scope: Scope = Scope.OPERATE
    metrics_scope: Scope = Scope.OPEN
    max_body: int = 1024 * 1024
    tls: ssl.SSLContext | None = None
    door: Door | None = None
    deadlines: Deadlines = field(default_factory=Deadlines)
    leaving: Callable[[], None] = _nothing_to_end
    grace: float = 4.0  # seconds for requests in flight; a handler that hangs costs them twice

    def application(self) -> web.Application:
        """The aiohttp app. Raises TypeError when a route has no scope."""
        guarded: dict[web.AbstractRoute, Route] = {}
        app = web.Application(
            client_max_size=self.max_body,
            middlewares=[self._front(guarded)],
        )
        app[ROUTES] = (*self.routes, *self._own_routes())
        for route in app[ROUTES]:
            route.check()
            for method in ("GET", "HEAD") if route.method == "GET" else (route.method,):
                added = app.router.add_route(
                    method, route.path, route.handler, expect_handler=_expect_later
                )
                guarded[added] = route
        if self.door is not None:
            app.on_response_prepare.append(_headers_of(self.door))
        app.on_response_prepare.append(add_security_headers)
        return app

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ListenAddress]:
        """Listens while the block runs; gives the address, with the real port. Raises ConfigError if it cannot."""
        runner = web.AppRunner(self.application(), shutdown_timeout=self.grace)
        await runner.setup()
        try:
            protocol = self._protocol(runner)
            server = await self._bind(protocol)
            try:
                with attended(server, self.door, protocol, self.deadlines.header, _BACKLOG):
                    yield ListenAddress(self.listen.host, server.sockets[0].getsockname()[1])
            finally:
                self.leaving()
                server.close()
        finally:
            await runner.cleanup()

    def _protocol(self, runner: web.AppRunner) -> Callable[[], asyncio.Protocol]:
        """What speaks on each connection."""
        http, lanes = runner.server, self._lanes()
        if http is None:
            raise RuntimeError("the runner has not been set up")
        return lambda: Guard(Express(http, lanes), self.deadlines)

    async def _bind(self, protocol: Callable[[], asyncio.Protocol]) -> asyncio.Server:
        try:
            return await asyncio.get_running_loop().create_server(
                protocol,
                self.listen.host or None,
                self.listen.port,
                ssl=self.tls,
                ssl_handshake_timeout=self.deadlines.header if self.tls else None,
                backlog=_BACKLOG,
                start_serving=self.door is None,
            )
        except OSError as error:
            # asyncio words it at length, and name errors have numbers below zero
            number = error.errno or 0
            reason = os.strerror(number) if number > 0 else str(error)
            cure = "stop the program that has it, or set another server.listen in the config"
            message = f"cannot listen on {self.listen}: {reason}; {cure}"
            raise ConfigError([Problem("server.listen", message)]) from error

    def _lanes(self) -> Lanes:
        most = min(self.max_body, MOST)
        return {
            (route.method, route.path): Lane(
                route.express, route.scope, self.auth, most, route.give, self.door
            )
            for route in self.routes
            if route.express is not None or route.give is not None
        }

    def _own_routes(self) -> list[Route]:
        vitals = Vitals(self.ready, self.reload)
        own = [
            Route("GET", "/-/healthy", Scope.OPEN, vitals.healthy),
            Route("GET", "/-/ready", Scope.OPEN, vitals.readiness),
            Route("GET", "/metrics", self.metrics_scope, vitals.metrics),
        ]
        if self.reload is not None:
            own.append(Route("POST", "/-/reload", self.reload_scope, vitals.reloaded))
        taken = {(route.method, route.path) for route in self.routes}
        return [route for route in own if (route.method, route.path) not in taken]

    def _front(self, guarded: dict[web.AbstractRoute, Route]) -> Middleware:
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
                        if self.door is not None and request.path not in _ALWAYS_OPEN:
                            await self.door.admit(request.headers.get("Authorization"))
                        proof = self._admit(request, guarded)
                        if proof is not None or EXPECT in request.headers:
                            await self._go_on(request, proof)
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

    def _admit(
        self, request: web.Request, guarded: dict[web.AbstractRoute, Route]
    ) -> Callable[[web.Request], Awaitable[str]] | None:
        """Raises Refused for who may not, and for what is too much; the proof that is still to be given."""
        if request.match_info.http_exception is not None:
            return None  # 404 or 405: nothing there to guard
        route = guarded[request.match_info.route]
        if route.proof is None:
            header = request.headers.get("Authorization")
            try:
                request[CLIENT] = self.auth.client(header, route.scope, request.remote or "")
            except Denied as denied:
                if denied.known:
                    raise Refused(403, denied.reason, str(denied)) from denied
                raise Refused(401, denied.reason, str(denied), CHALLENGE) from denied
        if (request.content_length or 0) > self.max_body:
            raise Refused(413, "body_too_large", f"the body may have {self.max_body} bytes")
        return route.proof

    async def _go_on(
        self, request: web.Request, proof: Callable[[web.Request], Awaitable[str]] | None
    ) -> None:
        """What only some requests need before their handler."""
        if EXPECT in request.headers:
            await _continue(request)
        if proof is None:
            return
        try:
            request[CLIENT] = await proof(request)
        except Denied as denied:
            self.auth.refused(request.remote or "", denied)
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
