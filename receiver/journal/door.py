"""Where deliveries come in: those that wait for the same commit are written together, as if they had been one.

If they cannot be, each is written by itself, so that the one at fault fails alone. The same for both engines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from receiver.journal import Ingested, JournalUnavailable
from receiver.journal.chunks import Delivery

AT_ONCE = 512
Write = Callable[[Sequence[Delivery]], Awaitable[Sequence[Ingested]]]
Answer = Ingested | BaseException
Waiting = tuple[Delivery, "asyncio.Future[Answer]"]


class Door:
    """Collects deliveries while a commit is on its way; the next one takes them all. `write` is all or nothing."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[Waiting] = []
        self._porter: asyncio.Task[None] | None = None  # no caller's own: callers may give up

    async def ingest(self, delivery: Delivery) -> Ingested:
        """Returns when it is durable. Raises JournalUnavailable, or what this very delivery caused."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._porter is None or self._porter.done():
            self._porter = asyncio.create_task(self._carry(), name="journal-intake")
        said = await future
        if isinstance(said, BaseException):
            raise said
        return said

    async def finish(self) -> None:
        """Until everything that came in is written."""
        if self._porter is not None:
            await self._porter

    async def _carry(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
            answers = await self._answers([delivery for delivery, _ in taken])
            for (_, future), said in zip(taken, answers, strict=True):
                if not future.done():
                    future.set_result(said)

    async def _answers(self, deliveries: Sequence[Delivery]) -> Sequence[Answer]:
        together = await _said(self._write(deliveries))
        if not isinstance(together, BaseException):
            return together
        if len(deliveries) == 1 or isinstance(together, JournalUnavailable):
            return [together] * len(deliveries)
        return [await self._alone(delivery) for delivery in deliveries]

    async def _alone(self, delivery: Delivery) -> Answer:
        said = await _said(self._write([delivery]))
        return said if isinstance(said, BaseException) else said[0]


async def _said(
    asked: Awaitable[Sequence[Ingested]],
) -> Sequence[Ingested] | BaseException:
    """What was answered or raised, for whoever waits for it."""
    (said,) = await asyncio.gather(asked, return_exceptions=True)
    return said
