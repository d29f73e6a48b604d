"""`/api/health/*` in the shape of the operators' documents: what a load balancer or a deploy script asks.

Every answer is there within a second. One that is not is itself a finding: unhealthy.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from exporter import portable
from exporter.proc import kernel
from exporter.report import Look, Report, Shared, Status, worst
from exporter.threads import in_thread
from prunella.service.clock import Clock


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; `free` is what programs could still have, so caches do not count as used."""

    resident: int
    total: int
    free: int


def read_memory() -> Memory:
    read = kernel.memory_of_ours if sys.platform == "linux" else portable.memory_of_ours
    return Memory(*read(Path("/proc")))


class Checks:
    """Everything that `/api/health/<name>` can be asked."""

    def __init__(
        self, clock: Clock, memory_limit: float, memory: Callable[[], Memory] = read_memory
    ) -> None:
        self.memory_limit = memory_limit
        self._clock, self._memory = clock, memory
        self._began = clock.monotonic()
        self._looks: Mapping[str, Look] = {"app": Shared(self.app)}

    def watch(self, looks: Mapping[str, Look]) -> None:
        """What there is to look at besides the exporter itself, from now on."""
        self._looks = {name: Shared(look) for name, look in {"app": self.app, **looks}.items()}

    async def one(self, name: str) -> Report | None:
        """None when there is nothing of that name to look at."""
        look = self._looks.get(name)
        return await look() if look is not None else None

    async def app(self) -> Report:
        """The exporter itself and the memory of its machine."""
        memory = await in_thread(self._memory)
        return app_report(self._clock.monotonic() - self._began, memory, self.memory_limit)

    async def all(self) -> Report:
        """The worst of all, how each one is, and under its name what was seen of it."""
        looks = self._looks
        reports = await asyncio.gather(*(look() for look in looks.values()))
        seen = dict(zip(looks, reports, strict=True))
        found = {name: report.status for name, report in seen.items()}
        details = {name: report.details for name, report in seen.items()}
        return Report(worst(found.values()), {"checks": found, **details})


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
