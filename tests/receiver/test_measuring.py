"""Gauges that only the journal knows are soon right, and cost little when the journal is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from receiver.journal import Journal
from receiver.pipeline import Pipeline
from tests.receiver.rig import HandClock, rig


@dataclass
class Slow:
    """A journal that takes its time to count."""

    journal: Journal
    clock: HandClock
    takes: float

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    async def counts(self) -> Mapping[str, int]:
        self.clock.at += self.takes
        return await self.journal.counts()


@dataclass
class SleepyClock(HandClock):
    """Never wakes; remembers for how long it was meant to sleep."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.Event().wait()


@pytest.mark.parametrize(("takes", "pause"), [(0.001, 1.0), (0.1, 5.0), (9.0, 15.0)])
async def test_what_takes_long_is_measured_less_often(takes: float, pause: float) -> None:
    async with rig() as made:
        clock = SleepyClock()
        journal = cast("Journal", Slow(made.journal, clock, takes))
        context = replace(
            made.context, journal=journal, tools=replace(made.context.tools, clock=clock)
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(Pipeline(context, "test").measure(), 0.3)
        assert clock.slept == [pytest.approx(pause)]
