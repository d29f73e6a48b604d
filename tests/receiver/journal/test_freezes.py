"""Scopes that are shut and opened again, once and with a word; on every engine."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from receiver.decide.guards import Facts, Freeze
from receiver.decide.incident import State
from receiver.decide.reason import Reason
from receiver.journal import Journal, Move, Ruling
from tests.receiver.builders import NOW, a_letter, a_question
from tests.receiver.journal.doing import at_the_gate, exported, words
from tests.receiver.journal.places import Place, PostgresPlace


def said(ruling: Ruling, _: Facts) -> Ruling:
    return ruling


async def shuts(
    journal: Journal, scope: str, until: float = NOW + 60, fingerprint: str = "f1"
) -> int:
    """An incident whose gate freezes the scope; the thaw is to be told to ops."""
    claim = await at_the_gate(journal, fingerprint)
    blocked = claim.incident.moved(State.BLOCKED, Reason.LIMIT_GLOBAL, NOW)
    ruling = Ruling(
        Move(blocked, due=NOW + 1e6),
        freeze=Freeze(scope, until),
        frozen_letters=(a_letter("frozen", channel="pager", dedup=f"f-{scope}"),),
        thawed_letters=(a_letter("thawed", dedup=f"t-{scope}"),),
    )
    await journal.gate(claim, a_question(), partial(said, ruling))
    return claim.incident.id


async def test_what_is_shut_is_listed_until_somebody_opens_it(journal: Journal) -> None:
    await shuts(journal, "target:api")
    assert await journal.frozen() == (Freeze("target:api", NOW + 60),)
    await journal.thaw(NOW + 60)
    assert await journal.frozen() == ()


async def test_a_scope_thaws_when_its_time_is_over_and_not_before(journal: Journal) -> None:
    await shuts(journal, "target:api")
    assert await journal.thaw(NOW + 59.9) == ()
    assert await journal.thaw(NOW + 60) == ("target:api",)
    assert (await exported(journal))[-1]["scope"] == "target:api"


async def test_the_thaw_is_told_by_the_letters_of_the_freeze(journal: Journal) -> None:
    number = await shuts(journal, "global")
    assert await journal.postings("ops", NOW, 10) == ()
    await journal.thaw(NOW + 60)
    (posting,) = await journal.postings("ops", NOW + 60, 10)
    assert (posting.incident, posting.letter.event) == (number, "thawed")
    assert posting.letter.body["at"] == NOW + 60


async def test_two_who_thaw_at_once_thaw_once(journal: Journal) -> None:
    await shuts(journal, "global")
    done = await asyncio.gather(*(journal.thaw(NOW + 60) for _ in range(4)))
    assert sorted(map(len, done)) == [0, 0, 0, 1]
    assert (await words(journal)).count("thawed") == 1


async def test_a_gate_that_thaws_tells_it_as_well(journal: Journal) -> None:
    await shuts(journal, "global")
    claim = await at_the_gate(journal, "f2", now=NOW + 61)
    blocked = claim.incident.moved(State.BLOCKED, Reason.PAUSED, NOW + 61)
    ruling = Ruling(Move(blocked, due=NOW + 1e6))
    await journal.gate(claim, a_question(NOW + 61), partial(said, ruling))
    assert await journal.thaw(NOW + 62) == ()
    assert [one.letter.event for one in await journal.postings("ops", NOW + 62, 9)] == ["thawed"]


async def test_a_freeze_keeps_its_letters_over_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await shuts(journal, "global")
    async with place.opened(NOW + 61) as journal:
        assert await journal.thaw(NOW + 61) == ("global",)
        assert len(await journal.postings("ops", NOW + 61, 9)) == 1


async def test_a_scope_may_be_shut_again(journal: Journal) -> None:
    await shuts(journal, "global")
    await journal.thaw(NOW + 60)
    await shuts(journal, "global", NOW + 99, "f2")
    assert await journal.frozen() == (Freeze("global", NOW + 99),)


async def test_an_operator_who_resumes_lets_a_stopped_playbook_go_on(journal: Journal) -> None:
    await shuts(journal, "playbook:repair")
    await journal.resume("eve", NOW + 1)
    assert await journal.frozen() == ()
    thawed = [row for row in await exported(journal) if row["ev"] == "thawed"]
    assert [(row["scope"], row["by"]) for row in thawed] == [("playbook:repair", "eve")]
    assert len(await journal.postings("ops", NOW + 1, 9)) == 1


async def test_a_resume_does_not_lift_a_limit(journal: Journal) -> None:
    await shuts(journal, "target:api")
    await journal.resume("eve", NOW + 1)
    assert await journal.frozen() == (Freeze("target:api", NOW + 60),)


@pytest.mark.server
async def test_two_receivers_thaw_once(by_hand: PostgresPlace) -> None:
    async with by_hand.opened() as one, by_hand.opened() as other:
        await shuts(one, "global")
        done = await asyncio.gather(one.thaw(NOW + 60), other.thaw(NOW + 60))
        assert sorted(map(len, done)) == [0, 1]
        assert (await words(one)).count("thawed") == 1
