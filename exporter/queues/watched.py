"""One entry of `queues`: which queues it is known to have, and how they are.

Which there are is looked for in the background, because it means walking over keys; a scrape reads what is known.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from exporter.queues.base import Figures, QueueEntry, SourceError
from prunella.service.clock import Clock

DISCOVER_EVERY = 60.0
AGAIN = 5.0  # after a search that failed: what has come back is complete soon
READ = 1000  # queues of one entry that are read at all


@dataclass(frozen=True, slots=True)
class Look:
    """What one entry says now; `answered` may hold beside a problem."""

    figures: Sequence[Figures] = ()
    answered: bool = True
    problem: str = ""


class Watched:
    def __init__(self, entry: QueueEntry, service: str, clock: Clock) -> None:
        self.labels = entry.system, entry.service or service
        self.lag = entry.lag
        self.auto = entry.queues == "auto"
        self.discovered: float | None = None
        self._clock, self._source = clock, entry.source(clock)
        self._known = () if entry.queues == "auto" else entry.queues
        self._problem = ""
        self._looked = asyncio.Event()

    async def keep_looking(self) -> None:
        while True:
            found = await self._discover()
            await self._clock.sleep(DISCOVER_EVERY if found else AGAIN)

    async def _discover(self) -> bool:
        """Whether it could be seen which there are."""
        try:
            found = sorted(await self._source.discover())
        except SourceError as error:
            self._problem = f"{self.labels[0]}: looking for queues: {error}"
            return False
        else:
            self._known, self.discovered = tuple(found[:READ]), self._clock.now()
            left = len(found) - READ
            self._problem = f"{self.labels[0]}: {left} queues are not read" if left > 0 else ""
            return True
        finally:
            self._looked.set()

    async def look(self, until: float) -> Look:
        try:
            async with asyncio.timeout_at(until):
                if self.auto:
                    await self._looked.wait()  # only the first scrape can come too early
                figures = await self._source.read(self._known, until)
        except TimeoutError:
            return Look(answered=False, problem=f"{self.labels[0]}: no answer in time")
        except SourceError as error:
            return Look(answered=False, problem=f"{self.labels[0]}: {error}")
        return Look(figures, problem=self._problem)

    async def close(self) -> None:
        await self._source.close()
