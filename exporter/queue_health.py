"""`/api/health/queue`: how many jobs wait for nobody, and how many of those that ended did so badly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from exporter.queues.base import Figures, Lag, State
from exporter.queues.families import Key, Seen, together
from exporter.report import DEADLINE, Report, Status, worst
from exporter.settings import Failures

Look = Callable[[float], Awaitable[Sequence[Seen]]]


async def look_at_queues(look: Look, lag: Lag, failures: Failures) -> Report:
    seen = await look(asyncio.get_running_loop().time() + DEADLINE)
    return queue_report(seen, lag, failures)


def queue_report(seen: Sequence[Seen], lag: Lag, failures: Failures) -> Report:
    """Every queue is judged by its own limits, or else by these; all together by how their jobs ended."""
    queues, limits = together(seen)
    rate = _failure_rate(queues.values())
    found = [_waiting(figures.lag, limits.get(key, lag)) for key, figures in queues.items()]
    silent = [one.labels[0] for one in seen if not one.look.answered]
    status = worst([*found, _failing(rate, failures), *([Status.UNHEALTHY] if silent else [])])
    details = _details(queues, rate, lag, failures)
    if silent:
        details["error"] = f"{', '.join(silent)}: no answer"
    return Report(status, details)


def _waiting(jobs: int, lag: Lag) -> Status:
    if jobs >= lag.critical:
        return Status.UNHEALTHY
    return Status.DEGRADED if jobs >= lag.warning else Status.HEALTHY


def _failing(rate: float, failures: Failures) -> Status:
    if rate >= failures.critical:
        return Status.UNHEALTHY
    return Status.DEGRADED if rate >= failures.warning else Status.HEALTHY


def _failure_rate(queues: Iterable[Figures]) -> float:
    """Over what is known of the last hour; 0 when no job has ended."""
    ended = [figures.recent for figures in queues if figures.recent is not None]
    total = sum(recent.completed + recent.failed for recent in ended)
    return sum(recent.failed for recent in ended) / total if total else 0.0


def _details(
    queues: Mapping[Key, Figures], rate: float, lag: Lag, failures: Failures
) -> dict[str, Any]:
    shown = {
        "waiting": (State.WAITING, State.PRIORITIZED),
        "active": (State.ACTIVE,),
        "completed": (State.COMPLETED,),
        "failed": (State.FAILED,),
    }
    listed = [
        {
            "name": key[1],
            **{n: sum(figures.jobs.get(s, 0) for s in states) for n, states in shown.items()},
        }
        for key, figures in queues.items()
    ]
    largest = max((figures.lag for figures in queues.values()), default=0)
    return {
        "queues": listed,
        "summary": {
            "totalJobs": sum(sum(figures.jobs.values()) for figures in queues.values()),
            "failureRate": f"{rate * 100:.2f}%",
        },
        "thresholds": {
            "lag": {"warning": lag.warning, "critical": lag.critical, "current": largest},
            "failureRate": {
                "warning": f"{failures.warning * 100:.2f}%",
                "critical": f"{failures.critical * 100:.2f}%",
                "current": f"{rate * 100:.2f}%",
            },
        },
    }
