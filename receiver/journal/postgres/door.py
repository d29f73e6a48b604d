"""Where deliveries come in: those that wait for the same commit are written together, as if they had been one.

If they cannot be, each is written by itself, so that the one at fault fails alone.
"""

from __future__ import annotations

import asyncio

from receiver.journal import Ingested, JournalUnavailable
from receiver.journal.postgres.intake import Delivery, ingest
from receiver.journal.postgres.writer import Unit, Writer, outcome

AT_ONCE = 512
Answer = Ingested | Exception
Waiting = tuple[Delivery, "asyncio.Future[Answer]"]


class Door:
    """Collects deliveries while a commit is on its way; the next one takes them all."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._waiting: list[Waiting] = []
        self._taken: list[Waiting] = []
        self._porter: asyncio.Task[None] | None = None  # no caller's own: callers may give up

    async def ingest(self, delivery: Delivery) -> Ingested:
        """Returns when it is durable. Raises JournalUnavailable, or what this very delivery caused."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((delivery, future))
        if self._porter is None or self._porter.done():
            self._porter = asyncio.create_task(self._carry(), name="journal-intake")
        said = await future
        if isinstance(said, Exception):
            raise said
        return said

    async def finish(self) -> None:
        """Until everything that came in is written."""
        if self._porter is not None:
            await self._porter

    async def _carry(self) -> None:
        while self._waiting:
            try:
                answers = await self._writer.call(self._take)
            except JournalUnavailable as error:
                if not self._taken:  # it fell before anything was taken: nobody is left waiting
                    self._taken, self._waiting = self._waiting, []
                answers = [JournalUnavailable(str(error)) for _ in self._taken]
            for (_, future), said in zip(self._taken, answers, strict=True):
                if not future.done():
                    future.set_result(said)
            self._taken = []

    async def _take(self, unit: Unit) -> list[Answer]:
        self._taken, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        deliveries = [delivery for delivery, _ in self._taken]
        together = await outcome(unit, lambda inner: ingest(inner, deliveries))
        if not isinstance(together, Exception):
            return list(together)
        return [await _alone(delivery, unit) for delivery in deliveries]


async def _alone(delivery: Delivery, unit: Unit) -> Answer:
    done = await outcome(unit, lambda inner: ingest(inner, [delivery]))
    return done if isinstance(done, Exception) else done[0]
