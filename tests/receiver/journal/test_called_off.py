"""Through the real stages, on every engine: the alert ends while an action is at work on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from prunella.service.clock import Clock
from receiver.actions import ACTIONS
from receiver.actions.base import Action, Done, Effect
from receiver.decide.incident import Incident, State
from receiver.journal import Journal
from receiver.pipeline import STAGES, Pipeline
from receiver.stages.repair import repair
from receiver.tools import CalledOff, Tools
from tests.receiver.journal.places import Place
from tests.receiver.rig import (
    CONFIG,
    START,
    Rig,
    ToldAlertmanager,
    ToldSilencer,
    firing,
    resolved,
    rig,
)
from tests.servers.process import until

SECOND = firing(fingerprint="fp-2", labels={"instance": "b"})
AGAIN = firing(startsAt="2026-09-21T00:11:00Z")
ENOUGH = 30  # batches, and as many looks, after which nobody can have missed it


class Sweep(Action):
    """Takes one thing after the other until it is told that it is enough."""

    disruptive = False
    cancel_safe = True
    taken: ClassVar[int] = 0
    begun: ClassVar[int] = 0
    enough: ClassVar[bool] = False

    @property
    def idempotent(self) -> bool:
        return True

    async def run(self, effect: Effect, tools: Tools) -> Done:
        Sweep.begun += 1
        mine = 0
        try:
            while not Sweep.enough:
                tools.require_lease()
                mine += 1
                await asyncio.sleep(0.001)
                Sweep.taken += 1
        except CalledOff:
            pass
        return Done(f"{mine} taken", {"taken": mine})


class Stubborn(Sweep):
    """The same, but not to be stopped half-way."""

    cancel_safe = False


class Silent(Sweep):
    """The same, and says nothing of how far it came."""

    async def run(self, effect: Effect, tools: Tools) -> Done:
        while True:
            tools.require_lease()
            await asyncio.sleep(0.001)
            Sweep.taken += 1


KINDS = {"sweep": Sweep, "stubborn": Stubborn, "silent": Silent}


@pytest.fixture(autouse=True)
def kinds() -> Iterator[None]:
    Sweep.taken, Sweep.begun, Sweep.enough = 0, 0, False
    ACTIONS.update(KINDS)
    yield
    for name in KINDS:
        del ACTIONS[name]


@dataclass(frozen=True)
class Passing:
    """A second is over soon, and moves no other clock."""

    own: Clock

    def now(self) -> float:
        return self.own.now()

    def monotonic(self) -> float:
        return self.own.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0.001)


def a_book(action: str = "sweep", **rung: Any) -> dict[str, Any]:
    first = {"name": "first", "action": action, **rung}
    return {**CONFIG["playbooks"][0], "ladder": [first, CONFIG["playbooks"][0]["ladder"][1]]}


@asynccontextmanager
async def receiver(journal: Journal, action: str = "sweep", **more: Any) -> AsyncIterator[Rig]:
    async with rig(journal=journal, playbooks=[a_book(action)], **more) as made:
        tools = replace(made.context.tools, clock=Passing(made.context.tools.clock))
        made.context = replace(made.context, tools=tools)
        made.pipeline = Pipeline(made.context, "test")
        yield made


@asynccontextmanager
async def at_work(made: Rig) -> AsyncIterator[None]:
    """Once it has taken something; at the end of the block it is waited for."""
    working = asyncio.create_task(made.settle())
    try:
        await goes_on(1)
        yield
        await asyncio.wait_for(working, 20)
    finally:
        working.cancel()


async def goes_on(batches: int = ENOUGH) -> None:
    wanted = Sweep.taken + batches
    await until(lambda: Sweep.taken >= wanted, "more was taken", deadline=20, every=0.005)


async def results(made: Rig) -> list[str]:
    return [row["result"] for row in await made.events("outcome")]


async def called_off(made: Rig) -> Incident:
    """After an action that its alert's end stopped half-way."""
    await made.deliver(firing())
    async with at_work(made):
        await made.deliver(resolved())
    return await made.incident()


async def test_it_ends_before_its_next_batch_and_says_how_far_it_came(journal: Journal) -> None:
    async with receiver(journal) as made:
        await called_off(made)
        (row,) = await made.events("outcome")
        assert (row["result"], row["reason"]) == ("cancelled", "resolved")
        assert row["counts"] == {"taken": Sweep.taken}
        assert row["detail"] == f"the alert has ended: {Sweep.taken} taken"


async def test_it_is_looked_at_and_closed_without_another_rung(journal: Journal) -> None:
    async with receiver(journal) as made:
        incident = await called_off(made)
        assert (incident.state, incident.progress.result) == (State.VERIFYING, "cancelled")
        await made.wait(40)
        assert (await made.incident()).state is State.RESOLVED
        assert (len(await made.events("intent")), made.programs.asked) == (1, [])


async def test_what_says_nothing_of_how_far_it_came_is_stopped_as_well(journal: Journal) -> None:
    async with receiver(journal, "silent") as made:
        await called_off(made)
        (row,) = await made.events("outcome")
        assert (row["result"], row["detail"]) == ("cancelled", "the alert has ended")


async def test_the_target_is_free_and_people_are_told(journal: Journal) -> None:
    async with receiver(journal) as made:
        incident = await called_off(made)
        assert await made.journal.open_run(incident.id) is None
        acted = [body for body in await made.told() if body["event"] == "acted"]
        assert "the alert has ended" in str(acted)


async def test_the_silence_of_the_repair_is_taken_away(journal: Journal) -> None:
    silencer, holds = ToldSilencer(), ToldAlertmanager()
    async with receiver(journal, silencer=silencer, holds=holds) as made:
        await made.deliver(firing())
        async with at_work(made):
            await until(lambda: bool(silencer.silenced), "it is silent", deadline=10, every=0.005)
            await made.deliver(resolved())
        assert len(silencer.silenced) == 1
        await made.wait(10)
        assert silencer.silenced == {}


async def test_what_may_not_be_stopped_half_way_goes_on_to_its_end(journal: Journal) -> None:
    async with receiver(journal, "stubborn") as made:
        await made.deliver(firing())
        async with at_work(made):
            await made.deliver(resolved())
            await goes_on()
            Sweep.enough = True
        assert await results(made) == ["ok"]


async def test_what_somebody_asked_for_goes_on_to_its_end(journal: Journal) -> None:
    async with receiver(journal) as made:
        await repair("shop", "sweep", {}, "ann", made.context)
        async with at_work(made):
            await made.deliver(resolved())
            await goes_on()
            Sweep.enough = True
        assert await results(made) == ["ok"]


async def test_as_long_as_one_alert_is_open_it_goes_on(journal: Journal) -> None:
    async with receiver(journal) as made:
        await made.deliver(firing(), SECOND)
        async with at_work(made):
            await made.deliver(resolved())
            await goes_on()
            Sweep.enough = True
        assert await results(made) == ["ok"]


async def test_what_fires_again_is_looked_at_and_done_once_more(journal: Journal) -> None:
    async with receiver(journal) as made:
        made.http.status = 500
        await called_off(made)
        await made.deliver(AGAIN)
        Sweep.enough = True
        await made.wait(13)
        assert await results(made) == ["cancelled", "ok"]
        assert [row["step"] for row in await made.events("intent")] == ["first", "first"]
        assert [row["verdict"] for row in await made.events("verdict")] == ["still_broken"]


async def test_it_shows_nothing_of_whether_the_rung_helps(journal: Journal) -> None:
    async with receiver(journal) as made:
        await called_off(made)
        await made.wait(5)
        assert (await made.incident()).state is State.RESOLVED
        assert await made.journal.tallies(0.0, 86400.0) == ()


async def test_i5_killed_after_it_was_called_off_it_is_looked_at_and_not_repeated(
    place: Place,
) -> None:
    async with place.opened(START) as journal, receiver(journal) as made:
        await made.deliver(firing())
        (claim,) = await journal.claim("dead", made.clock.now(), 0.5, 9)
        while claim.incident.state is not State.CANCELLED:
            working = asyncio.create_task(_stage(claim, made))
            if claim.incident.state is State.GATING:
                await goes_on(1)
                await made.deliver(resolved())
            claim = await asyncio.wait_for(working, 20)
    async with place.opened(START + 1) as journal, receiver(journal) as made:
        assert (await made.incident()).state is State.CANCELLED
        await made.wait(5)
        assert (await made.incident()).state is State.RESOLVED
        assert (await results(made), Sweep.begun) == (["cancelled"], 1)


async def _stage(claim: Any, made: Rig) -> Any:
    return await STAGES[claim.incident.state](claim, made.context)


async def test_i5_killed_before_it_was_called_off_nobody_knows_how_far_it_came(
    place: Place,
) -> None:
    async with place.opened(START) as journal, receiver(journal) as made:
        await made.deliver(firing())
        working = asyncio.create_task(made.settle())
        await goes_on(1)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        await made.deliver(resolved())
    async with place.opened(START + 60) as journal, receiver(journal) as made:
        made.clock.at += 60
        await made.wait(5)
        assert await results(made) == ["unknown"]
        assert ((await made.incident()).state, Sweep.begun) == (State.RESOLVED, 1)
