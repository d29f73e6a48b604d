"""`/api/health/*` in the shape of the operators' documents: what a load balancer or a deploy script asks.

Every answer is there within a second. One that is not is itself a finding: unhealthy.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import psutil

from exporter.threads import in_thread
from prunella.service.clock import Clock

DEADLINE = 1.0


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Report:
    """One answer: `details` stand beside `status` and `timestamp`."""

    status: Status
    details: Mapping[str, Any]

    def document(self, now: float) -> dict[str, Any]:
        at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
        return {"status": self.status, "timestamp": at.replace("+00:00", "Z"), **self.details}

    @property
    def code(self) -> int:
        return 503 if self.status is Status.UNHEALTHY else 200


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; `free` is what programs could still have, so caches do not count as used."""

    resident: int
    total: int
    free: int


def read_memory() -> Memory:
    system = psutil.virtual_memory()
    return Memory(psutil.Process().memory_info().rss, system.total, system.available)


class Checks:
    """Everything that `/api/health/<name>` can be asked."""

    def __init__(
        self, clock: Clock, memory_limit: float, memory: Callable[[], Memory] = read_memory
    ) -> None:
        self.memory_limit = memory_limit
        self._clock, self._memory = clock, memory
        self._began = clock.monotonic()

    async def app(self) -> Report:
        """The exporter itself and the memory of its machine."""
        try:
            async with asyncio.timeout(DEADLINE):
                memory = await in_thread(self._memory)
        except TimeoutError:
            return Report(Status.UNHEALTHY, {"error": "memory could not be read within 1s"})
        return app_report(self._clock.monotonic() - self._began, memory, self.memory_limit)

    async def all(self) -> Report:
        """The worst of all, and how each one is."""
        reports = {"app": await self.app()}
        worst = max((report.status for report in reports.values()), key=list(Status).index)
        return Report(worst, {"checks": {name: r.status for name, r in reports.items()}})


def app_report(uptime: float, memory: Memory, limit: float) -> Report:
    used = (memory.total - memory.free) / memory.total
    details = {
        "uptime": {
            "ms": int(uptime * 1000),
            "seconds": int(uptime),
            "minutes": int(uptime // 60),
            "hours": int(uptime // 3600),
        },
        "memory": {
            "process": {"rss": _mb(memory.resident)},
            "system": {
                "total": _gb(memory.total),
                "free": _gb(memory.free),
                "usagePercent": f"{used * 100:.2f}",
            },
        },
    }
    return Report(Status.UNHEALTHY if used > limit else Status.HEALTHY, details)


def _mb(size: int) -> str:
    return f"{size / (1 << 20):.2f} MB"


def _gb(size: int) -> str:
    return f"{size / (1 << 30):.2f} GB"
