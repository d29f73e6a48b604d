"""Leases are kept, lost and given up by the monotonic clock; a wall clock that somebody sets changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from receiver.decide.incident import CLOSED, State
from receiver.journal import Claim, Journal, JournalUnavailable
from receiver.pipeline import LEASE, STAGES, Pipeline
from tests.receiver.rig import HandClock, Rig, firing, resolved, rig
from tests.servers.process import until

HOUR = 3600.0


def test_every_state_of_an_open_incident_has_its_stage() -> None:
    assert set(STAGES) == set(State) - CLOSED


@dataclass
class TurnClock(HandClock):
    """Sleeps until the test says so."""

    turn: asyncio.Event = field(default_factory=asyncio.Event)
    asleep: asyncio.Event = field(default_factory=asyncio.Event)

    async def sleep(self, seconds: float) -> None:
        self.asleep.set()
        await self.turn.wait()
        self.turn.clear()

    async def passes(self, seconds: float) -> None:
        """Time goes on, and what slept has had its turn."""
        self.at += seconds
        self.asleep.clear()
        self.turn.set()
        await asyncio.wait_for(self.asleep.wait(), 5.0)


@dataclass
class Forgetful:
    """A journal that cannot be written to as far as leases go."""

    journal: Journal
    gone: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.journal, name)

    async def renew(self, claims: Sequence[Claim], until: float) -> frozenset[int]:
        if self.gone:
            raise JournalUnavailable("gone")
        return await self.journal.renew(claims, until)


@dataclass(frozen=True)
class Working:
    made: Rig
    clock: TurnClock
    journal: Forgetful
    work: asyncio.Task[int]


@asynccontextmanager
async def an_action_under_way() -> AsyncIterator[Working]:
    """One that does not end, and a receiver that looks after its lease."""
    clock = TurnClock()
    async with rig() as made:
        made.programs.hangs = True
        journal = Forgetful(made.journal)
        tools = replace(made.context.tools, clock=clock)
        context = replace(made.context, journal=cast(Journal, journal), tools=tools)
        pipeline = Pipeline(context, "us")
        await made.deliver(firing())
        work = asyncio.create_task(pipeline.work_off())
        leases = asyncio.create_task(pipeline.keep_leases())
        try:
            await asyncio.wait_for(made.programs.began.wait(), 5.0)
            await asyncio.wait_for(clock.asleep.wait(), 5.0)
            yield Working(made, clock, journal, work)
        finally:
            for task in (leases, work):
                task.cancel()
            await asyncio.gather(leases, work, return_exceptions=True)


async def test_what_is_under_way_stays_ours_for_as_long_as_it_takes() -> None:
    async with an_action_under_way() as it:
        for _ in range(9):
            await it.clock.passes(LEASE / 3)
        assert await it.made.journal.claim("other", it.clock.now(), LEASE, 9) == ()
        assert not it.work.done()


async def test_i14_what_another_has_taken_over_is_stopped_at_once() -> None:
    async with an_action_under_way() as it:
        it.clock.at += LEASE + 1
        assert len(await it.made.journal.claim("other", it.clock.now(), LEASE, 9)) == 1
        await it.clock.passes(0)
        await until(it.work.done, "the action is stopped", deadline=5.0)
        assert await it.made.events("outcome") == []


@pytest.mark.parametrize("set_by", [0.0, -HOUR])
async def test_i14_without_a_journal_it_is_stopped_when_its_lease_is_over_and_not_before(
    set_by: float,
) -> None:
    async with an_action_under_way() as it:
        it.journal.gone, it.clock.set_by = True, set_by
        await it.clock.passes(LEASE - 1)
        assert not it.work.done()
        await it.clock.passes(1)
        await until(it.work.done, "the action is stopped", deadline=5.0)


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
async def test_a_clock_that_is_set_takes_no_action_from_us(set_by: float) -> None:
    async with rig() as made:
        made.programs.hangs = True
        await made.deliver(firing())
        work = asyncio.create_task(made.pipeline.work_off())
        await asyncio.wait_for(made.programs.began.wait(), 5.0)
        made.clock.set_by = set_by
        assert await made.journal.claim("us", made.context.now(), LEASE, 9) == ()
        work.cancel()


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
async def test_a_clock_that_is_set_makes_no_proof_longer_or_shorter(set_by: float) -> None:
    async with rig() as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.wait(3)
        made.clock.set_by = set_by
        await made.wait(3)
        assert (await made.incident()).state is State.VERIFYING
        made.http.status = 200
        await made.wait(5)
        assert (await made.incident()).state is State.HEALED_HOLD


@pytest.mark.parametrize("set_by", [HOUR, -HOUR])
async def test_i3_a_clock_that_is_set_forgets_no_limit_and_holds_nothing_back(
    set_by: float,
) -> None:
    async with rig(limits={"per_target": "1/1h"}) as made:
        await made.deliver(firing())
        await made.wait(5)
        await made.deliver(resolved())
        await made.wait(5)
        made.clock.set_by = set_by
        more: dict[str, Any] = {
            "labels": {"alertname": "HighErrorRate", "more": "x"},
            "fingerprint": "other",
        }
        await made.deliver(firing(**more), firing("cache"))
        await made.wait(30)
        assert [row["target"] for row in await made.events("intent")] == ["shop", "cache"]
