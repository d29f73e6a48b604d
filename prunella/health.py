"""An app's own word on its health: the checks that it names, asked all at once and each with a deadline.

The page is open and may be asked by anybody: an answer is kept for a second, whoever asks meanwhile waits for the same
look, and it holds words and times only. Why a check failed is in the log.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from prunella.logs import create_logger
from prunella.timestamps import timestamp

_log = create_logger(__name__)


class State(StrEnum):
    """Of one thing that the app needs."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"


class Status(StrEnum):
    """Of the app. Degraded still serves; unhealthy does not."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Found:
    """What a check came to."""

    state: State
    seconds: float
    critical: bool = True

    @property
    def means(self) -> Status:
        """For the app."""
        if self.state is State.UP:
            return Status.HEALTHY
        down = self.state is State.DOWN and self.critical
        return Status.UNHEALTHY if down else Status.DEGRADED

    def as_json(self) -> dict[str, object]:
        """Its part of the answer."""
        return {"status": self.state, "responseTime": f"{self.seconds * 1000:.0f}ms"}


@dataclass(frozen=True, slots=True)
class Report:
    """One look."""

    status: Status
    checks: Mapping[str, Found]

    @property
    def http_status(self) -> int:
        """What to answer it with."""
        return 503 if self.status is Status.UNHEALTHY else 200

    def as_json(self) -> dict[str, object]:
        """The body of the answer."""
        checks = {name: found.as_json() for name, found in self.checks.items()}
        return {"status": self.status, "timestamp": timestamp(time.time()), "checks": checks}


@dataclass(frozen=True, slots=True)
class _Check:
    run: Callable[[], object]
    critical: bool
    timeout: float
    slow: float


class Checks:
    """The checks of one app."""

    def __init__(self, kept_for: float = 1.0) -> None:
        self._checks: dict[str, _Check] = {}
        self._kept_for = kept_for
        self._kept: tuple[float, Report] | None = None
        self._looking: asyncio.Task[Report] | None = None

    def add(
        self,
        name: str,
        run: Callable[[], object],
        *,
        critical: bool = True,
        timeout: float = 1.0,
        slow: float | None = None,
    ) -> None:
        """Names a check: a coroutine function, or a plain one, which is called in a thread.

        It is up when it returns, degraded when it returns "degraded" or takes longer than `slow` seconds, and down when it
        raises, returns "down" or False, or takes longer than `timeout`. Without what is not critical, the app is degraded.
        """
        self._checks[name] = _Check(run, critical, timeout, timeout if slow is None else slow)
        self._kept = None

    async def report(self) -> Report:
        """Runs every check, or gives what was found within the last second."""
        if self._kept is not None and time.monotonic() - self._kept[0] < self._kept_for:
            return self._kept[1]
        looking, loop = self._looking, asyncio.get_running_loop()
        if looking is None or looking.done() or looking.get_loop() is not loop:
            looking = self._looking = loop.create_task(self._look())
        return await asyncio.shield(looking)

    async def _look(self) -> Report:
        checks = dict(self._checks)
        found = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
        worst = max((one.means for one in found), key=list(Status).index, default=Status.HEALTHY)
        report = Report(worst, dict(zip(checks, found, strict=True)))
        self._kept = time.monotonic(), report
        return report


async def _run(name: str, check: _Check) -> Found:
    began = time.perf_counter()
    task = asyncio.ensure_future(_called(check.run))
    done, _ = await asyncio.wait({task}, timeout=check.timeout)
    seconds = time.perf_counter() - began
    if not done:
        task.cancel()  # and nobody waits for it: what does not stop shall not hold up the answer
        _log.warning("health check took too long", check=name, timeout=check.timeout)
        return Found(State.DOWN, seconds, check.critical)
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is not None:
        _log.warning("health check failed", check=name, error=error)
        return Found(State.DOWN, seconds, check.critical)
    state = _state(task.result())
    if state is State.UP and seconds > check.slow:
        state = State.DEGRADED
    return Found(state, seconds, check.critical)


async def _called(run: Callable[[], object]) -> object:
    if inspect.iscoroutinefunction(run):
        return await run()
    result = await asyncio.to_thread(run)
    return await result if inspect.isawaitable(result) else result


def _state(result: object) -> State:
    """A result that is neither a word nor False says only that the check came to its end."""
    if result is False:
        return State.DOWN
    return State(result) if isinstance(result, str) and result in set(State) else State.UP


CHECKS = Checks()  # the app's own: what `/health` of the middleware answers
add_check = CHECKS.add


async def document() -> tuple[int, dict[str, object]]:
    """The answer of `/health`: its status and its body."""
    report = await CHECKS.report()
    return report.http_status, report.as_json()
