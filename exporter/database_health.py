"""`/api/health/db`: whether the databases answer, how fast, and how many connections are left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from exporter.postgres.pulse import Pulse
from exporter.report import DEADLINE, Report, Status, worst

Pulses = Callable[[float], Awaitable[Sequence[Pulse]]]


async def look_at_databases(pulses: Pulses, slow: float, full: float) -> Report:
    deadline = asyncio.get_running_loop().time() + DEADLINE
    return database_report(await pulses(deadline), slow, full)


def database_report(pulses: Sequence[Pulse], slow: float, full: float) -> Report:
    """The figures of the one that is worst off, and how each one is."""
    judged = [(_status(pulse, slow, full), pulse) for pulse in pulses]
    status = worst(status for status, _ in judged)
    shown = next(pulse for found, pulse in judged if found is status)
    each = [{"name": pulse.name, "status": found} for found, pulse in judged]
    return Report(status, {**_details(shown, slow), "databases": each})


def _status(pulse: Pulse, slow: float, full: float) -> Status:
    if pulse.problem:
        return Status.UNHEALTHY
    return Status.DEGRADED if pulse.seconds > slow or pulse.used > full else Status.HEALTHY


def _details(pulse: Pulse, slow: float) -> dict[str, Any]:
    threshold = f"{slow * 1000:.0f}ms"
    if pulse.problem:
        # Anybody may ask, and the problem's text names users and hosts: those are in the log.
        query = {"responseTime": None, "threshold": threshold, "healthy": False}
        return {"error": f"{pulse.name} does not answer", "query": query}
    return {
        "query": {
            "responseTime": f"{pulse.seconds * 1000:.0f}ms",
            "threshold": threshold,
            "healthy": pulse.seconds <= slow,
        },
        "pool": {"total": pulse.total, "active": pulse.active, "idle": pulse.idle},
    }
