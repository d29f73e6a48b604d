"""Everything that can be healed, begun at once, and what the journal says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.decide.incident import State
from receiver.journal import Page
from receiver.pipeline import Pipeline
from receiver.stages.heal import Heal, begin_heal, wait_for
from receiver.stages.repair import NotNow, NotThis
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.rig import Rig, rig

BROKEN = {"matchers": ['service="broken"'], "http": {"base_url": "http://127.0.0.1:1"}}
PLAIN = {"matchers": ['service="plain"']}
TARGETS = {
    name: {"matchers": [f'service="{name}"'], "http": {"base_url": "http://127.0.0.1:1"}}
    for name in ("shop", "cache")
}


class Sweep(Action):
    """Heals two jobs on every target with an http facet; the one that is named so is broken."""

    def needs(self) -> str | None:
        return "http"

    def objection(self, target: Target) -> str | None:
        return "is none of ours" if target.name == "other" else None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        if effect.target.name == "broken":
            raise ActionFailed("no broom", started=False)
        return Done("swept", {"stuckJobs": 2, "staleSessions": 1})


@pytest.fixture(autouse=True)
def _sweep() -> Iterator[None]:
    before = dict(ACTIONS)
    ACTIONS["heal_stuck_jobs"] = Sweep
    yield
    ACTIONS.clear()
    ACTIONS.update(before)


async def healed(made: Rig, *targets: str, patience: float = 60.0) -> dict[str, Heal]:
    """As the route does it, with the pipeline beside it."""
    begun = await begin_heal("jobs", targets or None, "ann", made.context)
    working = asyncio.create_task(_works(made))
    try:
        return {one.target: one for one in await wait_for(begun, patience, made.context)}
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _works(made: Rig) -> None:
    while True:
        await made.pipeline.work_off()
        await asyncio.sleep(0)


async def test_every_target_that_has_it_is_healed_and_counted() -> None:
    targets = {**TARGETS, "plain": PLAIN, "other": TARGETS["shop"]}
    async with rig(targets=targets) as made:
        seen = await healed(made)
        assert {name: one.result for name, one in seen.items()} == {"shop": "ok", "cache": "ok"}
        assert [dict(one.counts) for one in seen.values()] == [
            {"stuckJobs": 2, "staleSessions": 1}
        ] * 2
        assert [row["by"] for row in await made.events("opened")] == ["ann", "ann"]


async def test_only_what_is_named_is_touched() -> None:
    async with rig(targets=TARGETS) as made:
        assert set(await healed(made, "cache", "cache")) == {"cache"}


async def test_one_that_fails_is_said_and_the_others_are_healed() -> None:
    async with rig(targets={**TARGETS, "broken": BROKEN}) as made:
        seen = await healed(made)
        assert (seen["broken"].result, seen["broken"].detail) == ("failed", "no broom")
        assert (seen["shop"].result, seen["cache"].result) == ("ok", "ok")
        tries = [row for row in await made.events("intent") if row["target"] == "broken"]
        assert len(tries) == 2  # it never began, so it was tried again before it was given up


async def test_what_is_held_back_is_not_waited_for() -> None:
    async with rig(targets=TARGETS) as made:
        await made.journal.pause("ops", "", made.clock.now())
        begun = made.clock.at
        seen = await healed(made)
        assert {one.reason for one in seen.values()} == {"paused"}
        assert not any(one.result for one in seen.values())
        assert made.clock.at - begun < 10


async def test_what_takes_long_is_waited_for_so_long_and_no_longer() -> None:
    async with rig(targets=TARGETS) as made:
        begun = await begin_heal("jobs", None, "ann", made.context)
        started = made.clock.at
        seen = await wait_for(begun, 20.0, made.context)
        assert [one.result for one in seen] == ["", ""]
        assert 20.0 <= made.clock.at - started < 21.0


async def test_it_does_not_matter_which_receiver_runs_it() -> None:
    async with rig(targets=TARGETS) as made:
        begun = await begin_heal("jobs", ["shop"], "ann", made.context)
        await Pipeline(made.context, "another").work_off()
        (seen,) = await wait_for(begun, 60.0, made.context)
        assert (seen.result, seen.counts["stuckJobs"]) == ("ok", 2)


async def test_what_was_resolved_by_hand_before_it_began_is_said() -> None:
    async with rig(targets=TARGETS) as made:
        await made.journal.pause("ops", "", made.clock.now())
        begun = await begin_heal("jobs", ["shop"], "ann", made.context)
        await made.wait(400, step=10)
        assert (await made.incident()).state is State.ESCALATED
        (seen,) = await wait_for(begun, 60.0, made.context)
        assert (seen.result, seen.reason) == ("refused", "blocked_too_long")


@pytest.mark.parametrize(
    ("targets", "changes", "reason"),
    [
        (["ship"], {}, "unknown_target"),
        (["shop", "plain"], {}, "facet_missing"),
        (None, {"targets": {"plain": PLAIN}, "playbooks": []}, "nothing_to_heal"),
        (None, {"mode": "shadow"}, "shadow"),
    ],
)
async def test_what_cannot_be_is_refused_before_anything_is_begun(
    targets: list[str] | None, changes: dict[str, Any], reason: str
) -> None:
    async with rig(**{"targets": {**TARGETS, "plain": PLAIN}, **changes}) as made:
        with pytest.raises(NotThis, match=r"\S") as refused:
            await begin_heal("jobs", targets, "ann", made.context)
        assert refused.value.reason == reason
        assert isinstance(refused.value, NotNow) is (reason == "shadow")
        assert await made.journal.incidents(Page()) == ()
