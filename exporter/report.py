"""What a health check answers: a word for the load balancer, and the details for whoever reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from prunella.timestamps import timestamp

HARD = 1.0  # seconds until there is an answer, whatever a look does
DEADLINE = 0.95  # what a look may take, so that it can still say what it saw
_FRESH = 1.0


class Status(StrEnum):
    """In the order of how bad it is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


def worst(statuses: Iterable[Status]) -> Status:
    return max(statuses, key=list(Status).index, default=Status.HEALTHY)


@dataclass(frozen=True, slots=True)
class Report:
    """One answer: `details` stand beside `status` and `timestamp`."""

    status: Status
    details: Mapping[str, Any]

    def document(self, now: float) -> dict[str, Any]:
        return {"status": self.status, "timestamp": timestamp(now), **self.details}

    @property
    def code(self) -> int:
        return 503 if self.status is Status.UNHEALTHY else 200


Look = Callable[[], Awaitable[Report]]


class Shared:
    """One look at a time, and its answer for a second: fifty who ask at once cost the database as much as one."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._task: asyncio.Task[Report] | None = None
        self._done = 0.0

    async def __call__(self) -> Report:
        stale = asyncio.get_running_loop().time() - self._done > _FRESH
        if self._task is None or (self._task.done() and stale):
            self._task = asyncio.create_task(self._report())
        return await asyncio.shield(self._task)

    async def _report(self) -> Report:
        try:
            async with asyncio.timeout(HARD):
                return await self._look()
        except TimeoutError:
            return Report(Status.UNHEALTHY, {"error": f"no answer within {HARD:g}s"})
        finally:
            self._done = asyncio.get_running_loop().time()
