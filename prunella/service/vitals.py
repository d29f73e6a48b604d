"""What every service answers about itself: whether it lives, whether it can work, what it counts, and to be told of a new config."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from prunella.exposition import page
from prunella.service.answers import Given, Refused, as_json
from prunella.service.described import Failure, Media, Status, describes
from prunella.service.heads import Asked
from prunella.service.settings import ConfigError


class Vitals:
    """What its routes give. `ready` says why it is not, or None; `reload` raises ConfigError."""

    def __init__(
        self, ready: Callable[[], str | None], reload: Callable[[], Awaitable[None]] | None
    ) -> None:
        self._ready = ready
        self._reload = reload

    @describes({200: Status})
    async def healthy(self, _: Asked) -> Given:
        """Whether it answers at all."""
        return as_json({"status": "healthy"})

    @describes({200: Status, 503: Failure})
    async def readiness(self, _: Asked) -> Given:
        """Whether it can do its work."""
        reason = self._ready()
        if reason is not None:
            raise Refused(503, "not_ready", reason)
        return as_json({"status": "ready"})

    @describes({200: Media(("text/plain", "application/openmetrics-text"))})
    async def metrics(self, asked: Asked) -> Given:
        """What Prometheus scrapes."""
        body, headers = await page(
            accept=asked.headers.get("accept", ""),
            encodings=asked.headers.get("accept-encoding", ""),
            names=asked.parameters.getall("name[]", None),
        )
        return Given(body, headers)

    @describes({200: Status, 503: Failure})
    async def reloaded(self, _body: bytes, _client: str) -> Given:
        """Reads the config anew; the one in force stays when the new one is wrong."""
        if self._reload is not None:
            try:
                await self._reload()
            except ConfigError as error:
                raise Refused(503, "config_refused", str(error)) from error
        return as_json({"status": "reloaded"})
