"""A rollback is as durable as everything else, on every engine, and nobody begins a second one beside it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from receiver.decide.going_back import Rollback, Step, arrived, begun, failed, restored
from receiver.decide.ledger import Deploy, NotThat, finished, restore_point, started
from receiver.decide.release import ReleaseState, current
from receiver.decide.rollback import RollbackFacts, by_hand
from receiver.journal import Journal
from tests.receiver.builders import NOW
from tests.receiver.journal.doing import words
from tests.receiver.journal.places import Place

ASKED = Rollback("api", 2, "v2", "v1", 7, "j-7-0-1-api", NOW + 9)
VOUCHED = by_hand(RollbackFacts(NOW, (), None))


async def deployed(journal: Journal) -> None:
    """v1 is a restore point, v2 serves."""
    for version, at in (("v1", NOW), ("v2", NOW + 5)):
        await journal.enter("api", finished(Deploy("api", version, "ci", at)), at)
        if version == "v1":
            await journal.enter("api", restore_point("api", "v1", "ann", at), at)


async def test_what_was_begun_is_known_to_the_next_life(place: Place) -> None:
    async with place.opened() as journal:
        await deployed(journal)
        begun_ = await journal.stride("api", begun(ASKED, VOUCHED), NOW + 9)
        assert begun_ == replace(ASKED, id=1)
    async with place.opened() as journal:
        assert await journal.rollbacks() == await journal.rollbacks("api") == (begun_,)
        assert await journal.rollbacks("db") == ()
        again = await journal.stride("api", begun(ASKED, VOUCHED), NOW + 20)
        assert again == begun_


async def test_its_end_is_written_with_what_it_does_to_the_ledger(place: Place) -> None:
    async with place.opened() as journal:
        await deployed(journal)
        await journal.stride("api", begun(ASKED, VOUCHED), NOW + 9)
        over = await journal.stride(
            "api", arrived(ASKED.action_id, NOW + 12, {"log": "x"}), NOW + 12
        )
        ledger = await journal.releases("api")
    assert over.step is Step.ROLLED_BACK
    serving = current(ledger)
    assert serving is not None
    assert (serving.version, serving.rollback) == ("v1", True)
    assert ledger[1].state is ReleaseState.ROLLED_BACK


async def test_each_step_is_in_the_chain(journal: Journal) -> None:
    await deployed(journal)
    await journal.stride("api", begun(ASKED, VOUCHED), NOW + 9)
    await journal.stride("api", failed(ASKED.action_id, "it says v2"), NOW + 10)
    await journal.stride("api", restored(ASKED.action_id, "", NOW + 11), NOW + 11)
    rows = [json.loads(line) async for line in journal.export(7)]
    steps = [row["step"] for row in rows if row["ev"] == "rollback"]
    assert steps == ["going_back", "putting_back", "restored"]
    assert (await journal.verify()).bad is None


async def test_what_is_refused_leaves_no_trace(journal: Journal) -> None:
    await deployed(journal)
    before = await words(journal)
    with pytest.raises(NotThat):
        await journal.stride("api", begun(replace(ASKED, to="v0"), VOUCHED), NOW + 9)
    assert await words(journal) == before
    assert await journal.rollbacks() == ()


async def test_of_a_rollback_and_a_deploy_at_once_one_begins(journal: Journal) -> None:
    await deployed(journal)
    deploy = started(Deploy("api", "v3", "ci", NOW + 9))
    ended = await asyncio.gather(
        journal.stride("api", begun(ASKED, VOUCHED), NOW + 9),
        journal.enter("api", deploy, NOW + 9),
        return_exceptions=True,
    )
    assert sum(isinstance(one, NotThat) for one in ended) == 1


async def test_of_two_rollbacks_at_once_one_begins(journal: Journal) -> None:
    await deployed(journal)
    other = replace(ASKED, action_id="j-8-0-1-api", incident=8)
    ended = await asyncio.gather(
        *(journal.stride("api", begun(one, VOUCHED), NOW + 9) for one in (ASKED, other)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, NotThat) for one in ended) == 1
    assert len(await journal.rollbacks()) == 1
