"""A Prometheus that watches one service, whose figures a test sets: now, and as they were before the deploy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from receiver.tools import OutsideError, Series
from tests.receiver.decide.launches import WELL

MARKS = {
    'status=~"5': "errors",
    "quantile(0.95": "p95",
    "quantile(0.99": "p99",
    "resident_memory": "memory",
    "prunella_queue_jobs": "queue_lag",
    "probe_success": "probe_failures",
}
TRAFFIC = 5.0


@dataclass
class Figures:
    """None is what is not there; `error` is said to whoever asks."""

    now: dict[str, float | None] = field(default_factory=lambda: {**WELL, "traffic": TRAFFIC})
    before: dict[str, float | None] = field(default_factory=lambda: {**WELL, "traffic": TRAFFIC})
    error: OutsideError | None = None
    asked: list[str] = field(default_factory=list)

    async def query(self, expr: str) -> tuple[float, ...]:
        self.asked.append(expr)
        if self.error is not None:
            raise self.error
        figures: Mapping[str, float | None] = self.before if " @ " in expr else self.now
        name = next((name for mark, name in MARKS.items() if mark in expr), "traffic")
        value = figures[name]
        return () if value is None else (value,)

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        return tuple(({}, value) for value in await self.query(expr))

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        return ()

    def becomes(self, **figures: float | None) -> None:
        """From now on, until somebody asks how it was before a later deploy."""
        self.now.update(figures)

    def goes_dark(self) -> None:
        self.error = OutsideError("connection refused", sent=False)

    def comes_back(self) -> None:
        self.error = None
