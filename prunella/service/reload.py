"""The settings in force, and how others take their place: entirely or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from prunella.logs import create_logger
from prunella.metrics import Gauge
from prunella.service.settings import ConfigError

_SUCCESSFUL = Gauge(
    "prunella_config_last_reload_successful",
    "Whether the config was usable when last read (1) or not.",
)
_SUCCESS_TIME = Gauge(
    "prunella_config_last_reload_success_timestamp_seconds",
    "When the config in force was read, in unix seconds.",
)

S = TypeVar("S")
_log = create_logger(__name__)


class Live(Generic[S]):
    """Holds the settings; `read` gives new ones or raises ConfigError, as may `apply`, before it changes anything."""

    def __init__(self, read: Callable[[], S]) -> None:
        self._read = read
        self._apply: Callable[[S], Awaitable[None]] | None = None
        self._turn = asyncio.Lock()
        self.current = read()
        self._succeeded()

    def on_reload(self, apply: Callable[[S], Awaitable[None]]) -> None:
        """Names what hands new settings to the running parts."""
        self._apply = apply

    async def reload(self) -> None:
        """Reads again. On ConfigError the old settings stay, each problem is logged, and the error is raised."""
        async with self._turn:
            try:
                new = await asyncio.to_thread(self._read)
                if self._apply is not None:
                    await self._apply(new)
            except ConfigError as error:
                _SUCCESSFUL.set(0)
                for problem in error.problems:
                    _log.error("config refused", path=problem.path, problem=problem.message)
                raise
            self.current = new
            self._succeeded()
            _log.info("config reloaded")

    def _succeeded(self) -> None:
        _SUCCESSFUL.set(1)
        _SUCCESS_TIME.set(time.time())
