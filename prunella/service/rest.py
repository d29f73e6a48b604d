"""What `express` does not answer: aiohttp, loaded with the first request that it is needed for.

It is loaded beside the event loop, because that takes a quarter of a second and a scrape may be under way.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunella.service.application import Application
    from prunella.service.route import Served


class Rest:
    """The application of one service, from the first request that needs it to `close`."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._application: Application | None = None
        self._changing = asyncio.Lock()
        self.closed = False

    def connection(self) -> asyncio.Protocol | None:
        """For one client; None before it is loaded."""
        return None if self._application is None else self._application.connection()

    async def load(self) -> None:
        """Whoever comes meanwhile waits for the same. Raises what importing can raise; the next one tries again."""
        async with self._changing:
            if self._application is None and not self.closed:
                self._application = await self._opened()

    async def close(self) -> None:
        """What is under way has its time before; nobody is taken on any more."""
        self.closed = True
        async with self._changing:
            if self._application is not None:
                await self._application.close()

    async def _opened(self) -> Application:
        module = await asyncio.to_thread(import_module, "prunella.service.application")
        opened: Application = module.Application(self._served)
        await opened.open()
        return opened
