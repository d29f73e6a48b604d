"""Asks Prometheus many questions at once, each for so long and no longer, and answers with what there is.

The routes are asked by screens that refresh and, one of them, by anybody: whoever asks while an answer is on its way
waits for that one, and for some seconds everybody has the same.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from prunella.service.clock import Clock
from receiver.tools import OutsideError, Prometheus
from receiver.web.monitoring.questions import Questions, of_period

T = TypeVar("T")
DEADLINE = 5.0  # seconds for all questions of a round together
AT_ONCE = 4  # for the sake of a Prometheus that is busy as it is
NOT_CONFIGURED = "Prometheus is not configured"
NO_DATA = "no data"


class Shared(Generic[T]):
    """One answer for all who ask within `keep` seconds of it. An error is for those alone who waited for it."""

    def __init__(self, ask: Callable[[], Awaitable[T]], clock: Clock, keep: float) -> None:
        self._ask, self._clock, self._keep = ask, clock, keep
        self._task: asyncio.Task[T] | None = None
        self._until = 0.0

    async def get(self) -> T:
        """Outlives whoever asked first and went away."""
        if self._task is None or self._over(self._task):
            self._task = asyncio.create_task(self._answer())
        return await asyncio.shield(self._task)

    def _over(self, task: asyncio.Task[T]) -> bool:
        if not task.done():
            return False
        failed = task.cancelled() or task.exception() is not None
        return failed or self._clock.monotonic() >= self._until

    async def _answer(self) -> T:
        said = await self._ask()
        self._until = self._clock.monotonic() + self._keep
        return said


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure, or why there is none."""

    value: float | None
    why: str = ""


Found = Mapping[str, Reading]


async def read(
    prometheus: Prometheus | None, questions: Questions, period: str, deadline: float = DEADLINE
) -> Found:
    """Every question with its answer."""
    if prometheus is None:
        return dict.fromkeys(questions, Reading(None, NOT_CONFIGURED))
    turn = _Turn(deadline, asyncio.Semaphore(AT_ONCE))

    async def one(expr: str, factor: float) -> Reading:
        return await turn.wait(lambda: _figure(prometheus, expr, factor), _nothing)

    asked = [*of_period(questions, period)]
    found = await asyncio.gather(*(one(expr, factor) for _, expr, factor in asked))
    return {name: reading for (name, _, _), reading in zip(asked, found, strict=True)}


async def read_services(
    prometheus: Prometheus | None, questions: Questions, period: str, deadline: float = DEADLINE
) -> tuple[Mapping[str, Mapping[str, float]], str]:
    """The answers for every service by name, and why there are none."""
    if prometheus is None:
        return {}, NOT_CONFIGURED
    turn = _Turn(deadline, asyncio.Semaphore(AT_ONCE))
    services: dict[str, dict[str, float]] = {}
    why = ""

    async def one(name: str, expr: str, factor: float) -> str:
        async def ask() -> str:
            for labels, value in await prometheus.labelled(expr):
                if math.isfinite(value):
                    services.setdefault(labels.get("service", ""), {})[name] = value * factor
            return ""

        return await turn.wait(ask, str)

    for said in await asyncio.gather(*(one(*each) for each in of_period(questions, period))):
        why = why or said
    return services, why if why or services else NO_DATA


@dataclass(frozen=True, slots=True)
class _Turn:
    """Few at once; the wait for the turn counts."""

    deadline: float
    free: asyncio.Semaphore

    async def wait(self, ask: Callable[[], Awaitable[T]], without: Callable[[str], T]) -> T:
        """The answer, or what there is without one."""
        try:
            async with asyncio.timeout(self.deadline), self.free:
                return await ask()
        except TimeoutError:
            return without(f"Prometheus did not answer within {self.deadline:g} s")
        except OutsideError as error:
            return without(str(error)[:200])


def _nothing(why: str) -> Reading:
    return Reading(None, why)


async def _figure(prometheus: Prometheus, expr: str, factor: float) -> Reading:
    values = [value for value in await prometheus.query(expr) if math.isfinite(value)]
    return Reading(values[0] * factor) if values else Reading(None, NO_DATA)
