"""Through the real stages, on every engine: what was demoted is never run without an approval, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random
from typing import Any

import pytest

from receiver.decide.incident import State
from receiver.decide.plan import LADDER_OF_MODES
from receiver.decide.trust import NotGranted
from receiver.journal import Conflict, Journal, Page
from receiver.stages import command
from receiver.stages.trust import TrustKeeper, Wish, demote, promote
from tests.receiver.rig import Rig, firing, resolved, rig
from tests.receiver.stages.test_trust import FREE, at

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
