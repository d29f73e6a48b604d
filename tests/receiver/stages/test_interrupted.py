"""A receiver that dies in the middle is played by opening its journal anew: what it had claimed is then nobody's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from receiver.actions import ACTIONS
from receiver.actions.base import Action, Done, Effect
from receiver.decide.incident import State
from receiver.stages.repair import repair
from receiver.tools import Tools
from tests.receiver.rig import CONFIG, Rig, firing, rig

BOOK = CONFIG["playbooks"][0]
CALL = {"action": "call", "url": "http://127.0.0.1:9/x", "method": "GET"}


async def _die_in_the_middle(file: Path, **changes: Any) -> None:
    """Leaves a journal in which the first action has begun and has no outcome."""
    async with rig(file=file, **changes) as made:
        await made.deliver(firing())
        await _cut_off(made)


async def _cut_off(made: Rig) -> None:
    """Ends the receiver once an action has begun."""
    made.programs.hangs = made.http.hangs = True
    working = asyncio.create_task(made.settle())
    begun = [asyncio.create_task(tool.began.wait()) for tool in (made.programs, made.http)]
    await asyncio.wait(begun, timeout=5, return_when=asyncio.FIRST_COMPLETED)
    for task in (*begun, working):
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working


async def test_i6_the_intent_is_on_disk_before_the_effect_and_no_outcome_is_invented(
    tmp_path: Path,
) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        assert len(await made.events("intent")) == 1
        assert await made.events("outcome") == []


async def test_i5_an_interrupted_action_is_looked_at_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        await made.settle()
        assert [row["result"] for row in await made.events("outcome")] == ["unknown"]
        assert (await made.incident()).state is State.VERIFYING
        await made.wait(5)
        assert (await made.incident()).state is State.HEALED_HOLD
        assert made.programs.asked == []


async def test_i5_what_may_have_run_and_did_not_help_is_a_humans(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        made.http.status = 500
        await made.wait(20)
        incident = await made.incident()
        assert (incident.state, str(incident.reason)) == (State.ESCALATED, "outcome_unknown")
        assert made.programs.asked == []


async def test_an_idempotent_action_is_run_once_more_when_the_look_says_so(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    books = [{**BOOK, "ladder": [CALL]}]
    await _die_in_the_middle(file, playbooks=books)
    async with rig(file=file, playbooks=books) as made:
        made.http.status = 500
        await made.wait(13)
        calls = [url for _, url, _ in made.http.asked if url.endswith("/x")]
        assert len(calls) == 1
        attempts = [row["aid"].split("-", 1)[1] for row in await made.events("intent")]
        assert attempts == ["1-0-1-0", "1-0-2-0"]


async def test_a_child_that_outlives_the_receiver_keeps_its_target_busy(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        made.survivors.alive = (4711,)
        await made.wait(20)
        assert (await made.incident()).state is State.RUNNING
        assert await made.journal.open_run(1) is not None
        made.survivors.alive = ()
        await made.wait(2)
        assert (await made.incident()).state is State.VERIFYING


async def test_a_child_that_outlives_its_timeout_as_well_is_ended(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        made.survivors.alive = (4711,)
        await made.wait(80)
        assert len(made.survivors.ended) == 1
        assert [row["result"] for row in await made.events("outcome")] == ["timeout"]


async def test_a_letter_written_before_the_death_is_sent_after_it(tmp_path: Path) -> None:
    file = tmp_path / "j.db"
    await _die_in_the_middle(file)
    async with rig(file=file) as made:
        assert "opened" in [body["event"] for body in await made.told()]


class Tidy(Action):
    """May be done again at any time, and is not seen from outside."""

    @property
    def idempotent(self) -> bool:
        return True

    async def run(self, effect: Effect, tools: Tools) -> Done:
        env = effect.environment()
        await tools.programs.run(["tidy"], timeout=1, env=env)
        return Done("tidied")


@pytest.fixture
def tidy() -> Iterator[None]:
    ACTIONS["tidy"] = Tidy
    yield
    del ACTIONS["tidy"]


async def test_i15_a_clean_up_by_hand_that_was_cut_off_is_done_again_although_all_answers(
    tmp_path: Path, tidy: None
) -> None:
    file = tmp_path / "j.db"
    async with rig(file=file) as made:
        await repair("shop", "tidy", {}, "ann", made.context)
        await _cut_off(made)
    async with rig(file=file) as made:
        await made.wait(30)
        results = [row["result"] for row in await made.events("outcome")]
        assert results == ["unknown", "ok"]
        assert made.programs.asked == [("tidy",)]
        assert (await made.incident()).state is State.RESOLVED
