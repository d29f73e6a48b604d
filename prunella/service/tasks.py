"""Background work that outlives its own errors: logged, counted, started again after a while.

Holds one of the project's few broad excepts: here an error of any kind means the same, namely "try again later".
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from prunella.logs import create_logger
from prunella.metrics import Counter
from prunella.service.clock import Clock, SystemClock

_FAILURES = Counter(
    "prunella_task_failures_total", "Times a background task ended with an error.", ["task"]
)
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 60.0

_log = create_logger(__name__)


class Tasks:
    """Runs coroutines under supervision until `stop`."""

    def __init__(
        self, clock: Clock | None = None, chance: Callable[[], float] = random.random
    ) -> None:
        self._clock = clock or SystemClock()
        self._chance = chance
        self._running: set[asyncio.Task[None]] = set()

    def start(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        """Runs `run()` until it returns; after an error again, at first soon and then ever more seldom."""
        task = asyncio.create_task(self._supervise(name, run), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def stop(self, timeout: float = 5.0) -> None:
        """Cancels everything and waits at most `timeout` seconds for it to end."""
        if not self._running:
            return
        for task in self._running:
            task.cancel()
        _, late = await asyncio.wait(self._running, timeout=timeout)
        for task in late:
            _log.error("background task does not stop", task=task.get_name())

    async def _supervise(self, name: str, run: Callable[[], Awaitable[None]]) -> None:
        failures = 0
        while True:
            began = self._clock.monotonic()
            try:
                await run()
            except (Exception, asyncio.CancelledError) as error:  # whatever it is: later again
                if self._stopping(error):
                    raise
                # A good long run earns a fresh start.
                lasted = self._clock.monotonic() - began
                failures = 1 if lasted > _LONGEST_DELAY else failures + 1
                delay = self._delay(failures)
                _FAILURES.labels(name).inc()
                _log.exception("background task failed", error, task=name, again_in=round(delay, 3))
                await self._clock.sleep(delay)
            else:
                return

    @staticmethod
    def _stopping(error: BaseException) -> bool:
        """Told to end, as opposed to having waited for something that was cancelled."""
        task = asyncio.current_task()
        return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())

    def _delay(self, failures: int) -> float:
        """Doubling, capped, and spread over its upper half so that tasks do not march in step."""
        full = min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures - 1, 10))
        return full * (0.5 + self._chance() / 2)
