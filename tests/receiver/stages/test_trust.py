"""A rung that does not help has to ask, and goes on asking until a human trusts it anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from prunella.exposition import render
from receiver.decide.incident import State
from receiver.decide.plan import Mode
from receiver.decide.trust import NotGranted
from receiver.stages import command
from receiver.stages.trust import TrustKeeper, Unknown, Wish, demote, promote, track_record
from tests.receiver.rig import CONFIG, Rig, firing, resolved, rig

BOOK: dict[str, Any] = {**CONFIG["playbooks"][0], "cooldown": "0s", "reopen_window": "0s"}
FREE: dict[str, Any] = {
    "limits": {
        "per_target": "1000/1h",
        "global": "1000/1h",
        "breaker": "1000/1h",
        "flap": "1000/1h",
    },
    "playbooks": [BOOK],
}
SHADOW: dict[str, Any] = {
    "playbooks": [{key: value for key, value in BOOK.items() if key != "mode"}]
}


async def in_vain(made: Rig, times: int) -> None:
    """So many incidents in which neither rung helps, each over by itself in the end."""
    made.http.status = 500
    for _ in range(times):
        await one_incident(made)


async def one_incident(made: Rig, seconds: float = 40.0) -> None:
    """It fires, whatever is to be done is done, and it is over."""
    starts = at(made.clock.at)
    await made.deliver(firing(startsAt=starts))
    await made.wait(seconds)
    await made.deliver(resolved(startsAt=starts, endsAt=at(made.clock.at)))
    await made.wait(5)


def at(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


async def look(made: Rig) -> None:
    await TrustKeeper(made.context).look()


async def modes(made: Rig) -> dict[str, Mode]:
    found = await track_record(made.context, "errors")
    return {one.rung.name: one.mode for one in found.rungs}


async def ran(made: Rig) -> list[str]:
    """The steps that were run, in order."""
    return [row["step"] for row in await made.events("intent")]


async def test_a_rung_that_does_not_help_is_demoted_and_it_is_said() -> None:
    async with rig(**FREE) as made:
        await in_vain(made, 5)
        await look(made)
        assert await modes(made) == {"first": Mode.APPROVE, "second": Mode.APPROVE}
        rows = await made.events("demoted")
        assert [(row["step"], row["was"], row["mode"], row["reason"]) for row in rows] == [
            ("first", "auto", "approve", "not_helping"),
            ("second", "auto", "approve", "not_helping"),
        ]
        made.http.status = 200
        told = [body for body in await made.told() if body["event"] == "trust"]
        assert "0 of 5 runs helped within 30d" in told[0]["text"]
        assert "prunella playbooks promote errors --rung first" in told[0]["text"]


async def test_too_few_runs_demote_nothing() -> None:
    async with rig(**FREE) as made:
        await in_vain(made, 4)
        await look(made)
        assert set((await modes(made)).values()) == {Mode.AUTO}
        assert await made.events("demoted") == []


async def test_it_is_demoted_and_told_of_once() -> None:
    async with rig(**FREE) as made:
        await in_vain(made, 5)
        for _ in range(3):
            await look(made)
        assert len(await made.events("demoted")) == 2


async def test_a_demoted_rung_asks_and_runs_once_it_is_approved() -> None:
    async with rig(**FREE) as made:
        await in_vain(made, 5)
        await look(made)
        before = await ran(made)
        await made.deliver(firing("cache"))
        await made.wait(60)
        waits = await made.incident()
        assert (waits.state, await ran(made)) == (State.AWAITING_APPROVAL, before)
        await command.approve(waits.id, "ann", made.context)
        await made.settle()
        assert await ran(made) == [*before, "first"]


async def test_what_helps_is_left_alone() -> None:
    async with rig(**FREE) as made:
        for _ in range(6):
            await one_incident(made)
            made.clock.at += 90_000.0
        await look(made)
        seen = (await track_record(made.context, "errors")).rungs[0]
        assert (seen.mode, seen.tally.helped) == (Mode.AUTO, 6)


async def test_what_is_back_every_time_does_not_help() -> None:
    async with rig(**FREE) as made:
        for _ in range(6):
            await one_incident(made)
        await look(made)
        seen = (await track_record(made.context, "errors")).rungs[0]
        assert (seen.mode, seen.tally.returned) == (Mode.APPROVE, 5)


async def test_a_promotion_gives_it_another_chance_and_old_failures_are_no_reason_any_more() -> (
    None
):
    async with rig(**FREE) as made:
        await in_vain(made, 5)
        await look(made)
        made.clock.at += 1
        grant = await promote(Wish("errors", "first", Mode.AUTO, "ann", "mended"), made.context)
        await look(made)
        assert (grant.mode, await modes(made)) == (
            Mode.AUTO,
            {"first": Mode.AUTO, "second": Mode.APPROVE},
        )
        (row,) = await made.events("promoted")
        assert (row["by"], row["why"], row["was"]) == ("ann", "mended", "approve")


async def test_it_is_demoted_again_when_the_other_chance_is_wasted() -> None:
    async with rig(**FREE) as made:
        await in_vain(made, 5)
        await look(made)
        made.clock.at += 1
        await promote(Wish("errors", "first", None, "ann"), made.context)
        await in_vain(made, 5)
        await look(made)
        assert (await modes(made))["first"] is Mode.APPROVE


async def test_a_playbook_that_says_nothing_begins_in_shadow_and_is_promoted_step_by_step() -> None:
    async with rig(**SHADOW) as made:
        await made.deliver(firing())
        await made.settle()
        assert (await made.incident()).state is State.SHADOW
        await promote(Wish("errors", "", Mode.APPROVE, "ann"), made.context)
        await made.deliver(firing("cache"))
        await made.settle()
        assert (await made.incident()).state is State.AWAITING_APPROVAL
        await promote(Wish("errors", "", Mode.AUTO, "ann"), made.context)
        assert set((await modes(made)).values()) == {Mode.AUTO}


async def test_the_message_of_a_promotion_says_which_rung_may_do_what_now() -> None:
    first, second = BOOK["ladder"]
    book = {**BOOK, "mode": "approve", "ladder": [first, {**second, "mode": "approve"}]}
    async with rig(playbooks=[book]) as made:
        await promote(Wish("errors", "", Mode.AUTO, "ann", "good for a month"), made.context)
        (told,) = await made.told()
    assert "errors is auto now, and was approve (by ann: good for a month)." in told["text"]
    assert "Now first acts by itself, second asks first." in told["text"]


async def test_a_changed_playbook_is_in_shadow_again() -> None:
    async with rig(**SHADOW) as made:
        await promote(Wish("errors", "", None, "ann"), made.context)
        changed = {**SHADOW["playbooks"][0], "matchers": ['alertname=~"High.*"']}
        made.settings = type(made.settings).model_validate({**CONFIG, "playbooks": [changed]})
        found = await track_record(made.context, "errors")
        assert (found.mode, found.likeness_lost) == (Mode.SHADOW, True)


async def test_a_demotion_holds_for_the_very_next_action() -> None:
    async with rig(**FREE) as made:
        made.http.status = 500
        await made.deliver(firing())
        await made.settle()
        await demote(Wish("errors", "second", None, "ann"), made.context)
        await made.wait(60)
        waits = await made.incident()
        assert (waits.state, waits.rung, await ran(made)) == (
            State.AWAITING_APPROVAL,
            1,
            ["first"],
        )


@pytest.mark.parametrize("wish", [Wish("nope", "", None, "x"), Wish("errors", "nope", None, "x")])
async def test_what_the_config_does_not_know_is_named(wish: Wish) -> None:
    async with rig() as made:
        with pytest.raises(Unknown, match="known: "):
            await promote(wish, made.context)


async def test_what_cannot_be_granted_leaves_no_trace() -> None:
    async with rig() as made:
        with pytest.raises(NotGranted):
            await promote(Wish("errors", "", None, "ann"), made.context)
        assert (await made.journal.grants(), await made.events("promoted")) == ((), [])


async def test_the_modes_and_the_runs_are_shown_and_those_of_gone_playbooks_are_not() -> None:
    async with rig(**FREE) as made:
        keeper = TrustKeeper(made.context)
        await in_vain(made, 1)
        await keeper.look()
        assert shown("prunella_playbook_mode", playbook="errors", rung="first") == 2
        assert shown("prunella_rung_runs", playbook="errors", rung="first", went="in_vain") == 1
        made.settings = made.settings.model_copy(update={"playbooks": ()})
        await keeper.look()
        assert shown("prunella_playbook_mode", playbook="errors", rung="first") is None


def shown(name: str, **labels: str) -> float | None:
    body, _ = render()
    wanted = ",".join(f'{key}="{value}"' for key, value in labels.items())
    for line in body.decode().splitlines():
        if line.startswith(f"{name}{{{wanted}}}"):
            return float(line.rpartition(" ")[2])
    return None


async def test_shadow_counts_what_it_held_back() -> None:
    async with rig(**SHADOW) as made:
        await made.deliver(firing())
        await made.wait(60)
        (held,) = await made.journal.withheld("errors", 0.0, 10)
        assert (held.step, held.kind, held.target) == ("first", "run", "shop")
        seen = await track_record(made.context, "errors")
        assert dict(seen.refusals) == {"shadow": 1}
