"""Through the real stages, on every engine: what was demoted is never run without an approval, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from receiver.decide.incident import State
from receiver.decide.plan import LADDER_OF_MODES, Mode
from receiver.decide.trust import NotGranted
from receiver.journal import Conflict, Journal, Page
from receiver.stages import command
from receiver.stages.trust import TrustKeeper, Unknown, Wish, demote, promote
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig
from tests.receiver.stages.test_trust import BOOK, FREE, at, in_vain, look, modes, ran
from tests.receiver.stages.test_trust import SHADOW as YOUNG

STEPS = ("", "first", "second")
SHADOW, APPROVE, AUTO = map(str, LADDER_OF_MODES)


def unpermitted(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Every intent that the grants before it did not permit by themselves, and nobody approved."""
    modes: dict[str, str] = {}
    approved: set[int] = set()
    for row in rows:
        match row["ev"]:
            case "promoted" | "demoted":
                modes[row["step"]] = row["mode"]
            case "approved":
                approved.add(row["incident"])
            case "intent":
                said = {modes.get("", AUTO), modes.get(row["step"], AUTO)}
                if SHADOW in said or (APPROVE in said and row["incident"] not in approved):
                    yield f"{row['step']} of incident {row['incident']} ran at {said}"
                approved.discard(row["incident"])
            case _:
                continue


async def _fires(made: Rig, chance: Random) -> None:
    made.http.status = chance.choice([500, 500, 500, 200])
    await made.deliver(firing(chance.choice(["shop", "cache"]), startsAt=at(made.clock.at)))
    await made.wait(chance.choice([2, 20, 40]), step=2)


async def _ends(made: Rig, chance: Random) -> None:
    for service in ("shop", "cache"):
        await made.deliver(resolved(service, startsAt=at(0), endsAt=at(made.clock.at)))
    await made.wait(3)


async def _approves(made: Rig, chance: Random) -> None:
    for one in await made.journal.incidents(Page(State.AWAITING_APPROVAL)):
        with suppress(Conflict):
            await command.approve(one.id, "ann", made.context)
    await made.wait(20, step=2)


async def _trusts(made: Rig, chance: Random) -> None:
    with suppress(NotGranted):
        await promote(Wish("errors", chance.choice(STEPS), None, "ann"), made.context)


async def _distrusts(made: Rig, chance: Random) -> None:
    with suppress(NotGranted):
        await demote(Wish("errors", chance.choice(STEPS), None, "ann"), made.context)


async def _looks(made: Rig, chance: Random) -> None:
    await TrustKeeper(made.context).look()


HAPPENINGS = (
    *(_fires, _fires, _fires, _ends, _ends, _approves, _approves, _approves),
    *(_trusts, _trusts, _trusts, _distrusts, _looks),
)


@pytest.mark.parametrize("seed", range(2))
async def test_what_was_demoted_is_never_run_without_an_approval(
    journal: Journal, seed: int
) -> None:
    chance = Random(seed)  # noqa: S311 - a test that repeats itself
    async with rig(journal=journal, **{**FREE, "trust": {"min_runs": 2}}) as made:
        for _ in range(50):
            made.clock.at += 1
            await chance.choice(HAPPENINGS)(made, chance)
        rows = await made.events()
    assert list(unpermitted(rows)) == []
    words = {row["ev"] for row in rows}
    assert {"intent", "demoted", "promoted", "approved"} <= words, "too little happened"


def test_the_check_itself_sees_what_was_not_permitted() -> None:
    taken = {"ev": "demoted", "step": "first", "mode": APPROVE}
    ran = {"ev": "intent", "step": "first", "incident": 1}
    said = {"ev": "approved", "incident": 1}
    assert len(list(unpermitted([taken, ran]))) == 1
    assert list(unpermitted([taken, said, ran])) == []
    assert len(list(unpermitted([taken, said, ran, ran]))) == 1
    assert len(list(unpermitted([{**taken, "mode": SHADOW}, said, ran]))) == 1


FIRST, SECOND = BOOK["ladder"]
EDITS = {
    "another cooldown": ([{**YOUNG["playbooks"][0], "cooldown": "1s"}], State.SHADOW),
    "another rung": (
        [{**YOUNG["playbooks"][0], "ladder": [FIRST, {**SECOND, "timeout": "9s"}]}],
        State.SHADOW,
    ),
    "a rung that asks": (
        [{**BOOK, "ladder": [FIRST, {**SECOND, "mode": "approve"}]}],
        State.AWAITING_APPROVAL,
    ),
    "a rung under another name": (
        [{**BOOK, "ladder": [FIRST, {**SECOND, "name": "zweite"}]}],
        State.AWAITING_APPROVAL,
    ),
    "a rung less": ([{**BOOK, "ladder": [FIRST]}], State.AWAITING_APPROVAL),
    "no such playbook": ([], State.AWAITING_APPROVAL),
}


def reload(made: Rig, playbooks: Sequence[object]) -> None:
    """As after an edit of the config; what is under way goes on."""
    made.settings = type(made.settings).model_validate({**CONFIG, **FREE, "playbooks": playbooks})


async def climbs(made: Rig) -> None:
    """Its first rung has run and is looked at: it will not have helped."""
    made.http.status = 500
    await made.deliver(firing())
    await made.settle()
    assert await ran(made) == ["first"]


async def promoted_to_auto(made: Rig) -> None:
    for _ in range(2):
        await promote(Wish("errors", "", None, "ann"), made.context)


@pytest.mark.parametrize("edit", EDITS)
async def test_an_open_incident_goes_no_further_by_itself_than_todays_config_says(
    journal: Journal, edit: str
) -> None:
    playbooks, state = EDITS[edit]
    async with rig(journal=journal, **{**FREE, **YOUNG}) as made:
        await promoted_to_auto(made)
        await climbs(made)
        reload(made, playbooks)
        await made.wait(60, step=2)
        assert (await ran(made), (await made.incident()).state) == (["first"], state)


async def test_a_playbook_that_is_edited_to_shadow_does_nothing_more(journal: Journal) -> None:
    async with rig(journal=journal, **FREE) as made:
        await climbs(made)
        reload(made, YOUNG["playbooks"])
        await made.wait(60, step=2)
        assert (await ran(made), (await made.incident()).state) == (["first"], State.SHADOW)


async def test_what_is_edited_to_go_further_holds_for_new_incidents_alone(journal: Journal) -> None:
    async with rig(journal=journal, **{**FREE, **YOUNG}) as made:
        await promote(Wish("errors", "", None, "ann"), made.context)
        await made.deliver(firing())
        await made.settle()
        reload(made, [BOOK])
        await made.wait(10, step=2)
        assert await ran(made) == []


@pytest.mark.parametrize(
    ("step", "to"), [("", None), ("", Mode.SHADOW), ("second", None), ("second", Mode.SHADOW)]
)
async def test_what_is_shown_as_shadow_can_be_demoted_and_then_goes_no_further_under_any_config(
    journal: Journal, step: str, to: Mode | None
) -> None:
    async with rig(journal=journal, **{**FREE, **YOUNG}) as made:
        await promoted_to_auto(made)
        await climbs(made)
        reload(made, [{**YOUNG["playbooks"][0], "cooldown": "1s"}])
        grant = await demote(Wish("errors", step, to, "ann"), made.context)
        assert (grant.step, grant.mode) == (step, Mode.SHADOW)
        with pytest.raises(NotGranted, match="shadow already, by ann"):
            await demote(Wish("errors", step, to, "ann"), made.context)
        reload(made, [BOOK])
        await made.wait(60, step=2)
        assert (await ran(made), (await modes(made))["second"]) == (["first"], Mode.SHADOW)


@pytest.mark.parametrize("step", ["", "second"])
async def test_what_the_config_knows_no_more_can_be_demoted_while_an_incident_climbs_it(
    journal: Journal, step: str
) -> None:
    async with rig(journal=journal, **FREE) as made:
        await climbs(made)
        reload(made, [])
        wish = Wish("errors", step, None, "ann")
        assert (await demote(wish, made.context)).mode is Mode.SHADOW
        await made.wait(60, step=2)
        assert (await ran(made), (await made.incident()).state) == (["first"], State.SHADOW)
        with pytest.raises(Unknown):
            await promote(wish, made.context)
        with pytest.raises(Unknown):
            await demote(Wish("errors", "third", None, "ann"), made.context)
        await made.deliver(resolved(endsAt=at(made.clock.at)))
        await made.wait(5)
        with pytest.raises(Unknown):
            await demote(wish, made.context)


async def test_a_rung_that_does_not_help_asks_under_another_name_too_until_it_is_trusted_anew(
    journal: Journal,
) -> None:
    async with rig(journal=journal, **{**FREE, "trust": {"min_runs": 2}}) as made:
        await in_vain(made, 2)
        await look(made)
        reload(made, [{**BOOK, "ladder": [{**FIRST, "name": "uno"}, SECOND]}])
        assert await modes(made) == {"uno": Mode.APPROVE, "second": Mode.APPROVE}
        before = await ran(made)
        await made.deliver(firing("cache"))
        await made.wait(30, step=2)
        state = (await made.incident()).state
        assert (state, await ran(made)) == (State.AWAITING_APPROVAL, before)
        await promote(Wish("errors", "uno", None, "ann"), made.context)
        assert (await modes(made))["uno"] is Mode.AUTO
