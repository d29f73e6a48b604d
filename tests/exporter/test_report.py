from __future__ import annotations

import asyncio

import pytest

from exporter.report import Report, Shared, Status, worst


class Looked:
    """Counts how often it was looked."""

    def __init__(self) -> None:
        self.times = 0
        self.free = asyncio.Event()

    async def __call__(self) -> Report:
        self.times += 1
        await self.free.wait()
        return Report(Status.HEALTHY, {"times": self.times})


def test_the_worst_word_wins() -> None:
    assert worst([Status.HEALTHY, Status.DEGRADED]) is Status.DEGRADED
    assert worst([Status.UNHEALTHY, Status.DEGRADED]) is Status.UNHEALTHY
    assert worst([]) is Status.HEALTHY


def test_only_what_cannot_serve_is_taken_out_of_service() -> None:
    assert [Report(status, {}).code for status in Status] == [200, 200, 503]


async def test_fifty_who_ask_at_once_are_one_look() -> None:
    look = Looked()
    shared = Shared(look)
    asking = [asyncio.create_task(shared()) for _ in range(50)]
    await asyncio.sleep(0)
    look.free.set()
    reports = await asyncio.gather(*asking)
    assert {report.details["times"] for report in reports} == {1}
    assert (await shared()).details["times"] == 1


async def test_after_a_second_it_is_looked_again() -> None:
    look = Looked()
    look.free.set()
    shared = Shared(look)
    await shared()
    shared._done -= 2
    assert (await shared()).details["times"] == 2


async def test_one_who_goes_away_takes_nobodys_answer() -> None:
    look = Looked()
    shared = Shared(look)
    gone, staying = asyncio.create_task(shared()), asyncio.create_task(shared())
    await asyncio.sleep(0)
    gone.cancel()
    look.free.set()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert (await staying).status is Status.HEALTHY


async def test_a_look_that_does_not_come_back_is_unhealthy_and_called_off() -> None:
    look = Looked()
    shared = Shared(look)
    began = asyncio.get_running_loop().time()
    reports = await asyncio.gather(shared(), shared())
    assert asyncio.get_running_loop().time() - began < 5
    assert {report.status for report in reports} == {Status.UNHEALTHY}
    look.free.set()
    shared._done -= 2
    assert (await shared()).status is Status.HEALTHY
