from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action, Done, Effect
from receiver.decide.incident import State
from receiver.stages import command
from receiver.stages.repair import NotNow, NotThis, repair
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.rig import Rig, rig


class Poke(Action):
    """An action that an operator may ask for, of which the tests see each use."""

    times: int = 1

    def objection(self, target: Target) -> str | None:
        return "it is too often" if self.times > 3 else None

    async def run(self, effect: Effect, tools: Tools) -> Done:
        env = effect.environment()
        await tools.programs.run(["poke", effect.target.name], timeout=1, env=env)
        for done in range(1, self.times):
            await tools.progress(f"poked {done} times")
        return Done("poked", {"pokes": self.times})


@pytest.fixture(autouse=True)
def _poke() -> Iterator[None]:
    ACTIONS["poke"] = Poke
    yield
    del ACTIONS["poke"]


async def asked(made: Rig, target: str = "shop", action: str = "poke", **options: Any) -> int:
    number = await repair(target, action, options, "ann", made.context)
    await made.settle()
    return number


async def test_a_wish_is_done_proven_told_and_closed() -> None:
    async with rig() as made:
        number = await asked(made)
        await made.wait(10)
        incident = await made.incident()
        assert (incident.id, incident.state) == (number, State.RESOLVED)
        assert made.programs.asked == [("poke", "shop")]
        rows = [row["ev"] for row in await made.events()]
        assert [ev for ev in rows if ev != "notified"] == [
            *("opened", "intent", "outcome", "verdict", "resolved")
        ]
        assert [body["event"] for body in await made.told()] == [
            *("opened", "acted", "healed", "resolved")
        ]


async def test_its_episode_is_the_incidents_own_everywhere() -> None:
    async with rig() as made:
        number = await asked(made)
        episode = f"manual-{number}@{int((await made.incident()).opened_at)}"
        assert made.programs.environments[0]["PRUNELLA_EPISODE"] == episode
        assert {row["ep"] for row in await made.events("intent")} == {episode}


async def test_what_it_did_is_in_the_journal_in_numbers() -> None:
    async with rig() as made:
        await asked(made, times=2)
        (outcome,) = await made.events("outcome")
        assert (outcome["detail"], outcome["counts"]) == ("poked", {"pokes": 2})


async def test_how_far_it_came_is_in_the_journal_but_not_every_moment() -> None:
    async with rig() as made:
        await asked(made, times=3)
        (progress,) = await made.events("progress")
        (intent,) = await made.events("intent")
        assert (progress["aid"], progress["said"]) == (intent["aid"], "poked 1 times")


async def test_what_can_never_work_on_the_target_is_refused_at_once() -> None:
    async with rig() as made:
        with pytest.raises(NotThis, match="poke on shop: it is too often"):
            await asked(made, times=4)


async def test_i15_a_repair_after_which_nothing_answers_is_a_humans_problem() -> None:
    async with rig() as made:
        made.http.status = 503
        await asked(made)
        await made.wait(140)
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.ESCALATED, "rungs_exhausted")
        await made.wait(7200, step=600)
        assert (await made.incident()).state is State.ESCALATED
        await command.resolve(incident.id, "ann", made.context)
        assert (await made.incident()).state is State.RESOLVED


async def test_i15_what_nothing_can_be_seen_of_is_not_taken_for_repaired() -> None:
    async with rig(targets={"shop": {"matchers": ['service="shop"']}}) as made:
        await asked(made)
        await made.wait(140)
        assert [row["verdict"] for row in await made.events("verdict")] == ["inconclusive"]
        assert (await made.incident()).state is State.ESCALATED


async def test_a_ceiling_of_approve_is_answered_by_the_operators_own_word() -> None:
    async with rig(mode="approve") as made:
        await asked(made)
        assert len(made.programs.asked) == 1


async def test_i16_in_shadow_mode_it_is_refused_and_leaves_no_incident() -> None:
    async with rig(mode="shadow") as made:
        with pytest.raises(NotNow, match="shadow mode"):
            await asked(made)
        assert await made.events() == []


async def test_i10_the_stop_file_holds_it_and_its_end_lets_it_go(tmp_path: Path) -> None:
    stop = tmp_path / "STOP"
    stop.touch()
    async with rig(stop_file=str(stop)) as made:
        await asked(made)
        assert str((await made.incident()).reason) == "stop_file"
        stop.unlink()
        await made.wait(2)
        assert len(made.programs.asked) == 1


async def test_a_wish_that_waited_too_long_is_not_done_any_more() -> None:
    async with rig() as made:
        await made.journal.pause("ops", "", made.clock.now())
        await asked(made)
        await made.wait(400, step=10)
        assert str((await made.incident()).reason) == "blocked_too_long"
        await made.journal.resume("ops", made.clock.now())
        await made.wait(60)
        assert made.programs.asked == []


async def test_i3_wishes_count_against_the_limits_and_freeze() -> None:
    async with rig(limits={"per_target": "2/1h"}) as made:
        for _ in range(3):
            await asked(made)
            await made.wait(10)
        assert len(made.programs.asked) == 2
        assert [row["scope"] for row in await made.events("frozen")] == ["target:shop"]


@pytest.mark.parametrize(
    ("wish", "reason", "said"),
    [
        (("ship", "poke", {}), "unknown_target", "known: cache, shop"),
        (("*", "poke", {}), "unknown_target", "there is no target '*'"),
        (("shop", "explode", {}), "unknown_action", "no action 'explode'"),
        (("shop", "run", {"argv": ["/bin/rm"]}), "config_only", "config only; known: "),
        (("shop", "poke", {"time": 2}), "bad_options", "options of poke: times"),
        (("shop", "poke", {"times": "x"}), "bad_options", "times: "),
        (("shop", "restart", {}), "facet_missing", "restart needs `process:`"),
    ],
)
async def test_i12_what_is_not_known_is_refused_with_what_is(
    wish: tuple[str, str, dict[str, Any]], reason: str, said: str
) -> None:
    async with rig() as made:
        with pytest.raises(NotThis, match=r"\S") as refused:
            await repair(*wish, "ann", made.context)
        assert refused.value.reason == reason
        assert said in str(refused.value)
        assert await made.events() == []


async def test_an_answer_that_is_no_error_counts_as_answering() -> None:
    async with rig() as made:
        made.http.status = 404
        await asked(made)
        await made.wait(10)
        assert (await made.incident()).state is State.RESOLVED
