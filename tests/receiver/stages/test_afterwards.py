from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action, Done, Effect
from receiver.decide.incident import State
from receiver.stages.repair import repair
from receiver.tools import Tools
from tests.receiver.rig import Rig, rig


class Promise(Action):
    """Has a second of its kind done in ten minutes."""

    again: bool = True

    async def run(self, effect: Effect, tools: Tools) -> Done:
        await tools.programs.run(["promise", effect.target.name, str(self.again)], timeout=1)
        if self.again:
            await tools.later(600, "promise", {"again": False})
        return Done("promised")


@pytest.fixture(autouse=True)
def _promise() -> Iterator[None]:
    ACTIONS["promise"] = Promise
    yield
    del ACTIONS["promise"]


async def promised(made: Rig) -> None:
    await repair("shop", "promise", {}, "ann", made.context)
    await made.settle()
    await made.wait(10)


async def test_what_was_promised_is_done_at_its_time_and_not_before() -> None:
    async with rig() as made:
        await promised(made)
        await made.wait(580)
        assert made.programs.asked == [("promise", "shop", "True")]
        await made.wait(20)
        assert made.programs.asked[1:] == [("promise", "shop", "False")]


async def test_it_waits_in_the_journal_and_so_outlives_who_promised_it(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    async with rig(file=file) as made:
        await promised(made)
    async with rig(file=file) as made:
        await made.wait(610, step=10)
        assert made.programs.asked == [("promise", "shop", "False")]


async def test_it_is_an_incident_that_says_who_wanted_it_and_when() -> None:
    async with rig() as made:
        await promised(made)
        first, second = await made.events("opened")
        assert second["by"] == f"incident {first['incident']}"
        (waits,) = (row for row in await made.events("refused") if row["reason"] == "holding")
        assert waits["incident"] == second["incident"]
        told = [body["text"] for body in await made.told() if body["event"] == "opened"]
        assert any("It will be begun in 600 s." in text for text in told), told


async def test_what_is_owed_waits_longer_than_a_wish() -> None:
    async with rig() as made:
        await promised(made)
        await made.context.journal.pause("ann", "hands off", made.context.now())
        await made.wait(7200, step=600)
        assert len(made.programs.asked) == 1
        waiting = next(row["incident"] for row in (await made.events("opened"))[1:])
        page = await made.context.journal.incident(waiting)
        assert page is not None
        assert page.state is State.BLOCKED
