"""`/api/health/cache`: whether every Redis answers, and how fast."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from exporter.report import DEADLINE, Report, Status, worst


@dataclass(frozen=True, slots=True)
class Ping:
    """Without an answer there are no `seconds`."""

    name: str
    seconds: float | None


Pings = Callable[[float], Awaitable[Sequence[Ping]]]


async def look_at_caches(pings: Pings) -> Report:
    return cache_report(await pings(asyncio.get_running_loop().time() + DEADLINE))


def cache_report(pings: Sequence[Ping]) -> Report:
    return Report(worst(map(_status, pings)), {"caches": [_shown(ping) for ping in pings]})


def _status(ping: Ping) -> Status:
    return Status.UNHEALTHY if ping.seconds is None else Status.HEALTHY


def _shown(ping: Ping) -> dict[str, Any]:
    took = f"{ping.seconds * 1000:.0f}ms" if ping.seconds is not None else None
    return {"name": ping.name, "status": _status(ping), "responseTime": took}
