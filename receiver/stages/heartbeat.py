"""Tells a watcher outside that we are here, so that our silence is heard.

What it says is true or it is not said: a receiver that cannot write its journal heals nothing, and one that Alertmanager
no longer reaches would sit beside a burning house.
"""

from __future__ import annotations

from prunella.logs import create_logger
from receiver import metrics
from receiver.channels.base import ChannelError
from receiver.channels.healthchecks import Healthchecks
from receiver.stages.context import Context

log = create_logger("prunella.receiver.heartbeat")
LOOK = 1.0


class Heartbeat:
    """Remembers when each channel is pinged next."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = context.now()
        self._next: dict[str, float] = {}

    async def beat(self) -> None:
        """For ever."""
        while True:
            await self.once()
            await self._context.tools.clock.sleep(LOOK)

    async def once(self) -> None:
        """Every ping that is due now."""
        clock = self._context.tools.clock
        for name, channel in self._context.settings().channels.items():
            if not isinstance(channel, Healthchecks) or channel.heartbeat is None:
                continue
            if clock.monotonic() >= self._next.get(name, 0.0):
                self._next[name] = clock.monotonic() + channel.heartbeat
                await self._ping(name, channel)

    async def _ping(self, name: str, channel: Healthchecks) -> None:
        wrong = self._wrong(channel)
        try:
            await channel.ping(
                "/fail" if wrong else "", wrong or "all is well", self._context.tools
            )
        except ChannelError as error:
            metrics.NOTIFICATIONS.labels(name, "permanent" if error.permanent else "retry").inc()
            log.warning("a heartbeat was not taken", channel=name, error=str(error))
        else:
            metrics.NOTIFICATIONS.labels(name, "ok").inc()

    def _wrong(self, channel: Healthchecks) -> str | None:
        trouble = self._context.health.trouble
        if trouble is not None:
            return f"the journal cannot be written: {trouble}"
        if channel.watchdog is None:
            return None
        heard = self._context.heard_watchdog.at
        silent = self._context.now() - (self._began if heard is None else heard)
        if silent <= channel.watchdog:
            return None  # also at the start: Alertmanager repeats it in its own time
        cure = "look at its route to /watchdog, and whether Prometheus fires it"
        return f"Alertmanager's Watchdog was not heard of for {silent:.0f} s: {cure}"
