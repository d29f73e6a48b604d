from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from receiver.tools import OutsideError, Series
from receiver.web.monitoring.questions import Questions
from receiver.web.monitoring.readings import Reading, Shared, read, read_services
from tests.receiver.rig import HandClock, ToldPrometheus

ASKED: Questions = {"requests": ("sum(rate(a[$p]))", 1), "rate": ("sum(b)", 100)}
SERVICES: Questions = {"uptime": ("up", 100)}


@dataclass
class Hanging:
    """Never answers."""

    async def query(self, expr: str) -> tuple[float, ...]:
        await asyncio.Event().wait()
        return ()

    async def labelled(self, expr: str) -> tuple[tuple[Mapping[str, str], float], ...]:
        await self.query(expr)
        return ()

    async def series(self, expr: str, start: float, end: float, step: float) -> tuple[Series, ...]:
        return ()


async def test_each_question_is_asked_of_the_period_and_multiplied() -> None:
    prometheus = ToldPrometheus(answers={"a[24h]": (7.0,), "sum(b)": (0.05,)})
    found = await read(prometheus, ASKED, "24h")
    assert found == {"requests": Reading(7.0), "rate": Reading(5.0)}


async def test_without_prometheus_there_is_no_figure_and_it_is_said_why() -> None:
    found = await read(None, ASKED, "1h")
    assert {(one.value, one.why) for one in found.values()} == {
        (None, "Prometheus is not configured")
    }
    assert await read_services(None, SERVICES, "1h") == ({}, "Prometheus is not configured")


@pytest.mark.parametrize("values", [(), (float("nan"),), (float("inf"),)])
async def test_no_series_and_no_number_is_no_data_and_not_nought(values: tuple[float, ...]) -> None:
    found = await read(ToldPrometheus(values=values), ASKED, "1h")
    assert set(found.values()) == {Reading(None, "no data")}
    assert await read_services(ToldPrometheus(values=values), SERVICES, "1h") == ({}, "no data")


async def test_a_question_that_fails_leaves_the_others_their_answers() -> None:
    @dataclass
    class Moody(ToldPrometheus):
        async def query(self, expr: str) -> tuple[float, ...]:
            if expr == "sum(b)":
                raise OutsideError("Prometheus: bad_data")
            return await super().query(expr)

    found = await read(Moody(), ASKED, "1h")
    assert found == {"requests": Reading(1.0), "rate": Reading(None, "Prometheus: bad_data")}


async def test_nobody_waits_for_a_prometheus_that_hangs() -> None:
    found = await read(Hanging(), ASKED, "1h", deadline=0.05)
    assert found["rate"] == Reading(None, "Prometheus did not answer within 0.05 s")
    services, why = await read_services(Hanging(), SERVICES, "1h", deadline=0.05)
    assert (services, why) == ({}, "Prometheus did not answer within 0.05 s")


async def test_services_have_their_figures_by_name() -> None:
    assert await read_services(ToldPrometheus(values=(0.5,)), SERVICES, "1h") == (
        {"shop": {"uptime": 50.0}},
        "",
    )


@dataclass
class Counting:
    """Answers with how often it was asked, once it may."""

    clock: HandClock
    go: asyncio.Event
    asked: int = 0
    fails: bool = False

    async def answer(self) -> int:
        self.asked += 1
        await self.go.wait()
        if self.fails:
            raise OutsideError("no")
        return self.asked

    def shared(self) -> Shared[int]:
        return Shared(self.answer, self.clock, 10.0)


@pytest.fixture
def counting() -> Counting:
    return Counting(HandClock(), asyncio.Event())


async def test_all_who_ask_meanwhile_wait_for_one_answer(counting: Counting) -> None:
    shared = counting.shared()
    waiting = [asyncio.create_task(shared.get()) for _ in range(5)]
    await asyncio.sleep(0)
    counting.go.set()
    assert await asyncio.gather(*waiting) == [1] * 5


async def test_an_answer_holds_for_some_seconds(counting: Counting) -> None:
    shared = counting.shared()
    counting.go.set()
    assert await shared.get() == 1
    counting.clock.at += 9.9
    assert await shared.get() == 1
    counting.clock.at += 0.2
    assert await shared.get() == 2


async def test_an_error_is_not_kept(counting: Counting) -> None:
    shared = counting.shared()
    counting.go.set()
    counting.fails = True
    with pytest.raises(OutsideError):
        await shared.get()
    counting.fails = False
    assert await shared.get() == 2


async def test_whoever_goes_away_does_not_take_the_answer_along(counting: Counting) -> None:
    shared = counting.shared()
    first, second = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    counting.go.set()
    assert await second == 1
