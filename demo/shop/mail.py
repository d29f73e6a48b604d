"""The letters to customers: jobs of a BullMQ queue, which the workers of demo.shop.workers send."""

from __future__ import annotations

from typing import Any

from bullmq import Queue

QUEUE = "email"


class Mail:
    """The end of the queue at which jobs come in."""

    def __init__(self, redis_url: str) -> None:
        self._queue = Queue(QUEUE, {"connection": redis_url})

    async def confirm(self) -> None:
        """One letter for one order."""
        await self._add({})

    async def campaign(self, letters: int) -> None:
        """A letter to every customer at once."""
        for _ in range(letters):
            await self._add({})

    async def crash_workers(self, letters: int) -> None:
        """Letters over which a worker dies, the first time that it tries."""
        for _ in range(letters):
            await self._add({"kills": True})

    async def close(self) -> None:
        await self._queue.close()

    async def _add(self, data: dict[str, Any]) -> None:
        await self._queue.add("letter", data, {"removeOnComplete": True})
