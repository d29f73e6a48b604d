from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import pytest

from receiver.actions.base import Action, ActionFailed, ActionTimedOut, Done, Effect
from receiver.actions.heal_all import HealAll
from receiver.actions.heal_orphaned_records import HealOrphanedRecords
from receiver.actions.heal_stale_sessions import HealStaleSessions
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.targets import HttpFacet, Target
from receiver.tools import CalledOff, Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import SteppedClock, a_toolbox

WEB = Target(name="db", http=HttpFacet(base_url="http://127.0.0.1:1"))


class Jobs(Action):
    """Frees two jobs in ten seconds of whatever clock there is."""

    async def run(self, effect: Effect, tools: Tools) -> Done:
        await tools.clock.sleep(10.0)
        return Done("2 jobs are back", {"stuckJobs": 2})


class Sessions(Action):
    """Takes out three of seven sessions; only where there is an http facet."""

    timeouts: ClassVar[list[float]] = []

    def needs(self) -> str | None:
        return "http"

    async def run(self, effect: Effect, tools: Tools) -> Done:
        self.timeouts.append(effect.timeout)
        return Done("3 of 7 sessions are gone", {"staleSessions": 3, "found": 7})


class Broken(Action):
    """Cannot reach its server."""

    async def run(self, effect: Effect, tools: Tools) -> Done:
        raise ActionFailed("no server", started=False)


class Cut(Action):
    """Loses the connection in the middle."""

    async def run(self, effect: Effect, tools: Tools) -> Done:
        raise ActionFailed("cut off", unknown=True)


class Strange(Action):
    """Never fits."""

    def objection(self, target: Target) -> str | None:
        return "is none of ours"


def of(*kinds: type[Action]) -> HealAll:
    class Some(HealAll):
        heals = kinds

    return Some()


async def healed(*kinds: type[Action], target: Target = WEB, timeout: float = 60.0) -> Done:
    effect = an_effect(target, timeout=timeout)
    return await of(*kinds).run(effect, a_toolbox(clock=SteppedClock()))


def test_it_is_the_three_heals() -> None:
    assert set(HealAll.heals) == {HealStuckJobs, HealStaleSessions, HealOrphanedRecords}
    assert HealAll().idempotent
    assert all(kind().idempotent and not kind.disruptive for kind in HealAll.heals)


async def test_what_each_healed_is_summed_by_name() -> None:
    done = await healed(Jobs, Sessions, Jobs)
    assert done.counts == {"stuckJobs": 4, "staleSessions": 3}
    assert done.text == "2 jobs are back; 3 of 7 sessions are gone; 2 jobs are back"


async def test_only_what_the_target_has_is_healed() -> None:
    assert (await healed(Strange, Jobs, Sessions, target=Target(name="x"))).counts == {
        "stuckJobs": 2
    }


async def test_a_target_that_has_nothing_of_it_is_refused_when_the_config_is_read() -> None:
    assert "nothing that could be healed" in (
        of(Strange, Sessions).objection(Target(name="x")) or ""
    )
    assert of(Strange, Sessions).objection(WEB) is None
    with pytest.raises(ActionFailed, match="nothing that could") as refused:
        await healed(Strange)
    assert not refused.value.started


async def test_one_that_fails_stops_no_other_and_the_whole_has_failed() -> None:
    with pytest.raises(ActionFailed) as failed:
        await healed(Broken, Jobs)
    assert str(failed.value) == "Broken failed: no server; 2 jobs are back"
    assert failed.value.started


async def test_what_surely_changed_nothing_at_all_may_be_tried_again() -> None:
    with pytest.raises(ActionFailed) as failed:
        await healed(Broken, Broken)
    assert not failed.value.started


async def test_what_nobody_knows_of_one_nobody_knows_of_the_whole() -> None:
    with pytest.raises(ActionFailed) as failed:
        await healed(Cut, Jobs)
    assert failed.value.unknown


async def test_the_time_is_for_all_of_them_together() -> None:
    Sessions.timeouts.clear()
    await healed(Jobs, Jobs, Sessions, timeout=25.0)
    assert Sessions.timeouts == [pytest.approx(5.0)]
    with pytest.raises(ActionTimedOut, match="Sessions failed: no time was left"):
        await healed(Jobs, Jobs, Sessions, timeout=15.0)


def called_off(before: int) -> Callable[[], None]:
    """After so many questions whether it may go on."""
    asked: list[int] = []

    def ask() -> None:
        asked.append(1)
        if len(asked) > before:
            raise CalledOff

    return ask


async def test_what_is_called_off_does_not_begin_the_next_and_says_what_is_done() -> None:
    tools = replace(a_toolbox(), require_lease=called_off(1))
    Sessions.timeouts.clear()
    done = await of(Jobs, Sessions).run(an_effect(WEB), tools)
    assert (done.counts, Sessions.timeouts) == ({"stuckJobs": 2}, [])


async def test_what_is_called_off_before_all_of_them_has_nothing_to_say() -> None:
    tools = replace(a_toolbox(), require_lease=called_off(0))
    with pytest.raises(CalledOff):
        await of(Jobs, Sessions).run(an_effect(WEB), tools)


async def test_who_is_stopped_does_not_go_on_with_the_next() -> None:
    class Stopped(Action):
        async def run(self, effect: Effect, tools: Tools) -> Done:
            raise asyncio.CancelledError

    Sessions.timeouts.clear()
    with pytest.raises(asyncio.CancelledError):
        await healed(Stopped, Sessions)
    assert Sessions.timeouts == []
