from __future__ import annotations

import asyncio
import functools
import time
from datetime import datetime
from threading import Event, get_ident
from typing import cast

import pytest

from prunella import health
from prunella.health import Checks, Found, Report, State, Status


async def fine() -> None:
    """Nothing is wrong."""


async def broken() -> None:
    raise OSError("redis://:CANARY@h refused")


async def endless() -> None:
    await asyncio.sleep(3600)


def checks_of(**runs: object) -> Checks:
    checks = Checks()
    for name, run in runs.items():
        checks.add(name, run)  # type: ignore[arg-type]  # whatever a test gives
    return checks


async def report_of(*, cache_is_critical: bool) -> Report:
    checks = checks_of(db=fine)
    checks.add("cache", broken, critical=cache_is_critical)
    return await checks.report()


async def state_of(run: object, **options: float) -> State:
    checks = Checks()
    checks.add("it", run, **options)  # type: ignore[arg-type]  # whatever a test gives
    return (await checks.report()).checks["it"].state


async def test_without_checks_an_app_is_healthy() -> None:
    assert await Checks().report() == Report(Status.HEALTHY, {})


async def test_a_failing_critical_check_makes_the_app_unhealthy() -> None:
    report = await report_of(cache_is_critical=True)
    assert (report.status, report.http_status) == (Status.UNHEALTHY, 503)
    assert {name: found.state for name, found in report.checks.items()} == {
        "db": "up",
        "cache": "down",
    }


async def test_a_failing_check_that_is_not_critical_only_degrades() -> None:
    report = await report_of(cache_is_critical=False)
    assert (report.status, report.http_status) == (Status.DEGRADED, 200)
    assert report.checks["cache"].state is State.DOWN


async def test_a_check_that_takes_too_long_is_down() -> None:
    assert await state_of(endless, timeout=0.01) is State.DOWN


async def test_a_check_that_does_not_stop_holds_up_nobody() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    began = time.monotonic()
    assert await state_of(stubborn, timeout=0.01) is State.DOWN
    assert time.monotonic() - began < 2
    release.set()
    await asyncio.sleep(0)


async def test_a_slow_check_is_degraded() -> None:
    assert await state_of(functools.partial(asyncio.sleep, 0.02), slow=0.01) is State.DEGRADED
    assert await state_of(fine, slow=5.0) is State.UP


@pytest.mark.parametrize(
    ("result", "state"),
    [
        ("up", State.UP), ("degraded", State.DEGRADED), ("down", State.DOWN), (State.DEGRADED, State.DEGRADED),
        (True, State.UP), (False, State.DOWN), (None, State.UP), ("PONG", State.UP), (0, State.UP), ([], State.UP),
    ],
)  # fmt: skip
async def test_a_check_may_say_it_in_a_word(result: object, state: State) -> None:
    async def says() -> object:
        return result

    assert await state_of(says) is state


async def test_a_plain_function_is_called_in_a_thread() -> None:
    threads: list[int] = []
    assert await state_of(lambda: threads.append(get_ident())) is State.UP
    assert threads != [get_ident()]


async def test_a_check_that_is_cancelled_by_others_is_down() -> None:
    async def cancelled() -> None:
        raise asyncio.CancelledError

    assert await state_of(cancelled) is State.DOWN


async def test_checks_are_asked_all_at_once() -> None:
    meeting = asyncio.Barrier(3)
    report = await checks_of(a=meeting.wait, b=meeting.wait, c=meeting.wait).report()
    assert report.status is Status.HEALTHY


@pytest.fixture
def asked() -> tuple[Checks, list[float]]:
    times: list[float] = []

    async def ask() -> None:
        times.append(time.monotonic())
        await asyncio.sleep(0.01)

    return checks_of(db=ask), times


async def test_many_who_ask_at_once_cause_one_look(asked: tuple[Checks, list[float]]) -> None:
    checks, times = asked
    reports = await asyncio.gather(*(checks.report() for _ in range(20)))
    assert len(times) == 1
    assert len({id(report) for report in reports}) == 1
    await checks.report()
    assert len(times) == 1


async def test_a_new_check_is_asked_at_once(asked: tuple[Checks, list[float]]) -> None:
    checks, _ = asked
    await checks.report()
    checks.add("cache", broken)
    assert (await checks.report()).status is Status.UNHEALTHY


async def test_who_asks_and_goes_away_does_not_stop_the_look(
    asked: tuple[Checks, list[float]],
) -> None:
    checks, times = asked
    impatient = asyncio.create_task(checks.report())
    patient = asyncio.create_task(checks.report())
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).status is Status.HEALTHY
    assert len(times) == 1


def test_every_thread_may_ask_with_a_loop_of_its_own() -> None:
    checks, held = Checks(kept_for=0), Event()
    checks.add("db", held.is_set)
    assert asyncio.run(checks.report()).status is Status.UNHEALTHY
    held.set()
    assert asyncio.run(checks.report()).status is Status.HEALTHY


async def test_the_answer_holds_words_and_times_only(caplog: pytest.LogCaptureFixture) -> None:
    body = (await report_of(cache_is_critical=True)).as_json()
    assert body["status"] == "unhealthy"
    checks = cast("dict[str, dict[str, str]]", body["checks"])
    assert {name: found["status"] for name, found in checks.items()} == {
        "db": "up",
        "cache": "down",
    }
    assert all(found["responseTime"].endswith("ms") for found in checks.values())
    assert datetime.fromisoformat(str(body["timestamp"])).tzinfo is not None
    assert "CANARY" not in str(body)
    assert caplog.records[-1].getMessage() == "health check failed"


def test_a_response_time_is_in_milliseconds() -> None:
    assert Found(State.UP, 0.0126).as_json()["responseTime"] == "13ms"


async def test_an_app_adds_its_checks_by_one_line() -> None:
    health.add_check("shopify", fine)
    status, body = await health.document()
    assert status == 200
    assert "shopify" in str(body["checks"])
