"""Collectors that do what a test says: answer, fail, or hang."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from prometheus_client.metrics_core import Metric

from exporter.collectors.base import Collected
from exporter.families import gauge


def thing_up(value: float, **labels: str) -> Metric:
    return gauge("thing_up", "Whether it is.", tuple(labels), [(tuple(labels.values()), value)])


class Made:
    """Counts how often it was asked; `hold` until the test lets go."""

    def __init__(
        self, *families: Metric, problems: tuple[str, ...] = (), error: Exception | None = None
    ) -> None:
        self.families, self.problems, self.error = families, problems, error
        self.free = asyncio.Event()
        self.free.set()
        self.asked = 0
        self.begun = asyncio.Event()
        self.cancelled = 0
        self.history: list[str] = []

    def hang(self) -> None:
        self.free.clear()

    async def start(self) -> None:
        self.history.append("start")

    async def stop(self) -> None:
        self.history.append("stop")

    async def collect(self, deadline: float) -> Collected:
        self.asked += 1
        self.begun.set()
        try:
            await self.free.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error is not None:
            raise self.error
        return Collected(self.families, self.problems)

    def down(self) -> Iterable[Metric]:
        return [thing_up(0)]
