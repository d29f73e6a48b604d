"""What every service answers about itself: whether it lives, whether it can work, what it counts, and to be told of a new config."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from prunella.middleware.aiohttp import metrics_response
from prunella.service.answers import error_response
from prunella.service.described import Failure, Media, Status, describes
from prunella.service.settings import ConfigError


class Vitals:
    """The handlers. `ready` says why it is not, or None; `reload` raises ConfigError."""

    def __init__(
        self, ready: Callable[[], str | None], reload: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._ready = ready
        self._reload = reload

    @describes({200: Status})
    async def healthy(self, _: web.Request) -> web.Response:
        """Whether it answers at all."""
        return web.json_response({"status": "healthy"})

    @describes({200: Status, 503: Failure})
    async def readiness(self, _: web.Request) -> web.Response:
        """Whether it can do its work."""
        reason = self._ready()
        if reason is None:
            return web.json_response({"status": "ready"})
        return error_response(503, "not_ready", reason)

    @describes({200: Media(("text/plain", "application/openmetrics-text"))})
    async def metrics(self, request: web.Request) -> web.Response:
        """What Prometheus scrapes."""
        return await metrics_response(request)

    @describes({200: Status, 503: Failure})
    async def reloaded(self, _: web.Request) -> web.Response:
        """Reads the config anew; the one in force stays when the new one is wrong."""
        if self._reload is not None:
            try:
                await self._reload()
            except ConfigError as error:
                return error_response(503, "config_refused", str(error))
        return web.json_response({"status": "reloaded"})
