from __future__ import annotations

import asyncio
import logging

import pytest

from prunella.service.tasks import Tasks
from tests.prunella.service.stand_ins import Counted, FakeClock


class Flaky:
    """Fails so many times, each time after it has run for a while, and then is done."""

    def __init__(self, failures: int, clock: FakeClock, lasting: float = 0.0) -> None:
        self.failures = failures
        self.clock = clock
        self.lasting = lasting
        self.done = asyncio.Event()

    async def run(self) -> None:
        self.clock.time += self.lasting
        if self.failures:
            self.failures -= 1
            raise RuntimeError("not yet")
        self.done.set()


async def delays(failures: int, lasting: float = 0.0, chance: float = 1.0) -> list[float]:
    clock = FakeClock()
    flaky = Flaky(failures, clock, lasting)
    tasks = Tasks(clock, chance=lambda: chance)
    tasks.start("flaky", flaky.run)
    await asyncio.wait_for(flaky.done.wait(), 5)
    await tasks.stop()
    return clock.slept


async def test_a_task_that_fails_is_started_again_ever_more_seldom() -> None:
    assert await delays(failures=10) == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


async def test_the_delays_are_spread_so_that_tasks_do_not_march_in_step() -> None:
    assert await delays(failures=3, chance=0.0) == [0.25, 0.5, 1.0]


async def test_a_good_long_run_earns_a_fresh_start() -> None:
    assert await delays(failures=4, lasting=61) == [0.5, 0.5, 0.5, 0.5]


async def test_a_failure_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    await delays(failures=1)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "not yet" in caplog.text
    assert "Traceback" in caplog.text


async def test_a_failure_is_counted() -> None:
    counted = Counted("prunella_task_failures_total", {"task": "flaky"})
    await delays(failures=2)
    assert counted.grown == 2


async def test_a_task_that_waited_for_something_cancelled_is_started_again() -> None:
    clock, runs, done = FakeClock(), iter([True, False]), asyncio.Event()

    async def wait_for_cancelled() -> None:
        if next(runs):
            lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            lost.cancel()
            await lost
        done.set()

    tasks = Tasks(clock)
    tasks.start("waiting", wait_for_cancelled)
    await asyncio.wait_for(done.wait(), 5)
    await tasks.stop()


async def test_stopping_cancels_what_runs() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    tasks = Tasks()
    tasks.start("forever", forever)
    await started.wait()
    await tasks.stop()
    assert cancelled.is_set()


async def test_stopping_without_tasks_is_done_at_once() -> None:
    await Tasks().stop()


async def test_a_task_that_will_not_stop_is_named_and_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    started, release = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        started.set()
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks = Tasks()
    tasks.start("stubborn", stubborn)
    await started.wait()
    await tasks.stop(timeout=0.05)
    assert vars(caplog.records[-1])["fields"] == {"task": "stubborn"}
    release.set()
    await tasks.stop()
