from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action
from receiver.actions.run import Run
from receiver.decide.incident import Incident
from receiver.decide.values import changed
from receiver.journal import IncidentAlert, Journal, JournalUnavailable
from receiver.stages.call_off import CallOff, called_off
from receiver.tools import CalledOff
from tests.receiver.builders import an_incident
from tests.receiver.rig import HandClock, rig
from tests.servers.process import until

OPEN = IncidentAlert("f1", {}, {}, "", 0.0, 0.0, open=True)
OVER = replace(OPEN, open=False)


class Gentle(Action):
    """May be stopped half-way."""

    cancel_safe = True


@dataclass
class Answering:
    """A journal that is asked for alerts; the last answer is given again and again."""

    answers: list[tuple[IncidentAlert, ...] | JournalUnavailable]
    asked: int = 0

    async def alerts(self, incident: int) -> tuple[IncidentAlert, ...]:
        answer = self.answers[min(self.asked, len(self.answers) - 1)]
        self.asked += 1
        if isinstance(answer, JournalUnavailable):
            raise answer
        return answer


@dataclass
class Turns(HandClock):
    """Lets others in while it sleeps."""

    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.001)


@asynccontextmanager
async def watched(
    *answers: tuple[IncidentAlert, ...] | JournalUnavailable,
    action: Action | None = None,
    incident: Incident | None = None,
) -> AsyncIterator[tuple[CallOff, Answering, Turns]]:
    journal, clock = Answering(list(answers)), Turns()
    async with rig() as made:
        tools = replace(made.context.tools, clock=clock)
        context = replace(made.context, journal=cast(Journal, journal), tools=tools)
        async with called_off(action or Gentle(), incident or an_incident(), context) as call_off:
            yield call_off, journal, clock


async def test_once_all_its_alerts_are_over_whoever_asks_is_called_off() -> None:
    async with watched((OPEN, OVER), (OVER, OVER)) as (call_off, _, _):
        call_off.ask()
        await until(lambda: call_off.over, "it is known", deadline=10, every=0.005)
        assert not call_off.heard
        with pytest.raises(CalledOff, match="the alert has ended"):
            call_off.ask()
        assert call_off.heard


async def test_what_fires_again_before_anybody_asked_is_not_called_off() -> None:
    async with watched((OVER,), (OVER, OPEN)) as (call_off, journal, _):
        await until(lambda: journal.asked >= 3, "three looks", deadline=10, every=0.005)
        call_off.ask()


@pytest.mark.parametrize("unknown", [(), JournalUnavailable("away")])
async def test_what_nobody_knows_calls_nothing_off(unknown: JournalUnavailable | tuple[()]) -> None:
    async with watched((OVER,), unknown) as (call_off, journal, _):
        await until(lambda: journal.asked >= 3, "three looks", deadline=10, every=0.005)
        call_off.ask()


async def test_it_looks_once_a_second_and_not_before_the_first_is_over() -> None:
    async with watched((OPEN,)) as (_, journal, clock):
        await until(lambda: journal.asked >= 2, "two looks", deadline=10, every=0.005)
        assert set(clock.slept) == {1.0}
        assert journal.asked <= len(clock.slept)


@pytest.mark.parametrize("key", ["@manual|1", "schedule:tidy|1"])
async def test_what_no_alert_asked_for_is_not_watched(key: str) -> None:
    async with watched((OVER,), incident=changed(an_incident(), key=key)) as (_, journal, clock):
        await asyncio.sleep(0.02)
        assert (journal.asked, clock.slept) == (0, [])


async def test_what_may_not_be_stopped_half_way_is_not_watched() -> None:
    action = Run.model_validate({"argv": ["/bin/true"]})
    async with watched((OVER,), action=action) as (_, journal, clock):
        await asyncio.sleep(0.02)
        assert (journal.asked, clock.slept) == (0, [])


async def test_after_the_action_nobody_looks_any_more() -> None:
    async with watched((OPEN,)) as (_, journal, _):
        await until(lambda: journal.asked >= 1, "a look", deadline=10, every=0.005)
    asked = journal.asked
    await asyncio.sleep(0.02)
    assert journal.asked == asked


def test_what_may_be_stopped_half_way_may_be_done_again() -> None:
    """Or else nobody could say what is to be done when the alert fires again."""
    safe = [kind for kind in ACTIONS.values() if kind.cancel_safe]
    assert safe
    assert all(kind.model_construct().idempotent for kind in safe)
