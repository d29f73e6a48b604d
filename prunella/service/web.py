"""A service's front door: routes with a scope each, deadlines, limits, and what every service answers about itself.

What is ordinary is answered by `express`. The rest is `application`'s, which is loaded with the first request that needs
it: aiohttp takes 13 MB, a fifth of what an exporter holds, and most exporters are never asked for anything that needs it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from prunella.metrics import Gauge
from prunella.service.auth import Auth, Scope
from prunella.service.deadlines import Deadlines, Guard
from prunella.service.door import Door, attended
from prunella.service.express import Express, lanes_of
from prunella.service.rest import Rest
from prunella.service.route import Route, Served
from prunella.service.settings import ConfigError, ListenAddress, Problem
from prunella.service.vitals import Vitals
from prunella.version import version

_BUILD = Gauge("prunella_build_info", "The version that runs here; always 1.", ["version"])
_BUILD.labels(version()).set(1)

# connections the kernel keeps for us; a flood should not make others wait for a retry
_BACKLOG = 4096


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

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ListenAddress]:
        """Listens while the block runs; gives the address, with the real port. Raises ConfigError if it cannot."""
        served = self.served()
        lanes, rest = lanes_of(served), Rest(served)
        connections: set[Express] = set()

        def protocol() -> asyncio.Protocol:
            return Guard(Express(lanes, rest, connections), self.deadlines)

        server = await self._bind(protocol)
        try:
            with attended(server, self.door, protocol, self.deadlines.header, _BACKLOG):
                yield ListenAddress(self.listen.host, server.sockets[0].getsockname()[1])
        finally:
            self.leaving()
            server.close()
            ending = (one.end(self.grace) for one in [*connections])
            await asyncio.gather(rest.close(), *ending)

    def served(self) -> Served:
        """With the routes that every service has. Raises TypeError for one that nobody guards."""
        routes = (*self.routes, *self._own_routes())
        for route in routes:
            route.check()
        return Served(
            routes=routes,
            auth=self.auth,
            door=self.door,
            max_body=self.max_body,
            grace=self.grace,
        )

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

    def _own_routes(self) -> list[Route]:
        vitals = Vitals(self.ready, self.reload)
        own = [
            Route("GET", "/-/healthy", Scope.OPEN, give=vitals.healthy),
            Route("GET", "/-/ready", Scope.OPEN, give=vitals.readiness),
            Route("GET", "/metrics", self.metrics_scope, give=vitals.metrics),
        ]
        if self.reload is not None:
            own.append(Route("POST", "/-/reload", self.reload_scope, take=vitals.reloaded))
        taken = {(route.method, route.path) for route in self.routes}
        return [route for route in own if (route.method, route.path) not in taken]
