"""What `express` does not answer: aiohttp, loaded with the first request that it is needed for.

It is loaded beside the event loop, because that takes a quarter of a second and a scrape may be under way.
"""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunella.service.application import Application
    from prunella.service.route import Served


class Rest:
    """The application of one service, from the first request that needs it to `close`."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._opening: asyncio.Task[Application] | None = None

    def connection(self) -> asyncio.Protocol | None:
        """For one client; None before it is loaded."""
        if self._opening is None or not self._opening.done():
            return None
        return self._opening.result().connection()

    async def load(self) -> None:
        """Whoever comes meanwhile waits for the same."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        await asyncio.shield(self._opening)

    async def close(self) -> None:
        """What is under way has its time before."""
        if self._opening is not None:
            await (await self._opening).close()

    async def _open(self) -> Application:
        module = await asyncio.to_thread(importlib.import_module, "prunella.service.application")
        opened: Application = module.Application(self._served)
        await opened.open()
        return opened
