"""Queues that say what a test says, and a way to read a real system's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from pydantic import TypeAdapter

from exporter.collectors.base import Collected, World
from exporter.collectors.queues import ENTRY, Queues
from exporter.queues.base import Figures, QueueEntry, SourceError, State
from prunella.service.clock import Clock, SystemClock
from tests.exporter.reading import samples
from tests.servers.process import until

JOBS = "prunella_queue_jobs"


class Made:
    """A source with these queues; it can fail, and hang."""

    def __init__(self, *queues: str) -> None:
        self.queues = set(queues)
        self.trouble = ""
        self.free = asyncio.Event()
        self.free.set()
        self.searches = 0

    async def discover(self) -> Collection[str]:
        self.searches += 1
        await self._answer()
        return set(self.queues)

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        await self._answer()
        return [Figures(queue, {State.WAITING: 1}, {State.WAITING: 2.0}) for queue in queues]

    async def _answer(self) -> None:
        await self.free.wait()
        if self.trouble:
            raise SourceError(self.trouble)

    async def close(self) -> None: ...


class MadeEntry(QueueEntry):
    """Its source is the test's own."""

    system: Literal["made"] = "made"
    made: Any

    def source(self, clock: Clock) -> Made:
        made: Made = self.made
        return made


class Minutes(SystemClock):
    """A minute is over when the test says so."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.over.wait()
        self.over.clear()

    async def pass_one(self) -> None:
        """Until what is done once a minute has been done again."""
        before = len(self.slept)
        self.over.set()
        await until(lambda: len(self.slept) > before, "it was done again", every=0.001)


def entry(**keys: Any) -> QueueEntry:
    """As it would stand in exporter.yml."""
    found: QueueEntry = TypeAdapter(ENTRY).validate_python(keys)
    return found


@asynccontextmanager
async def reading(*entries: QueueEntry) -> AsyncIterator[Queues]:
    collector = Queues(entries, World(service="shop"))
    await collector.start()
    try:
        yield collector
    finally:
        await collector.stop()


def counts(found: Collected, queue: str = "email") -> dict[str, float]:
    """How many there are in each state."""
    return {s.labels["state"]: s.value for s in samples(found, JOBS) if s.labels["queue"] == queue}
