"""A moment of a schedule is taken once, whole, and not while the last one is under way."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from receiver.decide.incident import State
from receiver.decide.maintenance import Window
from receiver.decide.matchers import parse_matchers
from receiver.decide.plan import Draft
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Claim, Event, Journal, Move
from tests.receiver.builders import NOW, a_draft, a_question
from tests.receiver.journal.doing import exported, facts_of, taken, words
from tests.receiver.journal.places import Place, PostgresPlace


def a_moment(*targets: str, at: float = NOW, name: str = "heal") -> list[Draft]:
    return [a_draft(f"schedule:{name}:{at:.0f}:{one}", targets=(one,)) for one in targets]


async def opens(
    journal: Journal, *targets: str, at: float = NOW, name: str = "heal"
) -> tuple[int, ...] | None:
    return await journal.open_scheduled(a_moment(*targets, at=at, name=name), name, at, at)


async def ends(journal: Journal, state: State, reason: Reason = Reason.RECOVERED) -> None:
    """The one incident that is due comes to a state."""
    claim = await taken(journal)
    after = changed(claim.incident, state=State.VERIFYING)
    if state in {State.RESOLVED, State.EXPIRED}:
        after = changed(after, state=State.ESCALATED)
    await journal.move(claim, Move(after.moved(state, reason, NOW), due=NOW + 1e6), NOW)


async def test_a_moment_opens_an_incident_for_each_target(place: Place) -> None:
    async with place.opened() as journal:
        numbers = await opens(journal, "db", "jobs")
        assert numbers is not None
        claims = await journal.claim("us", NOW, 15.0, 10)
        assert {claim.incident.id for claim in claims} == set(numbers)
        assert all(one.incident.scheduled and one.incident.unprompted for one in claims)
        assert not any(one.incident.manual for one in claims)
        assert [claim.incident.episode for claim in claims] == [
            f"schedule-{claim.incident.id}@{int(NOW)}" for claim in claims
        ]


async def test_a_moment_is_taken_once_whatever_became_of_it(place: Place) -> None:
    async with place.opened() as journal:
        assert await opens(journal, "db") is not None
        await ends(journal, State.RESOLVED)
        assert await opens(journal, "db") is None
    async with place.opened() as journal:
        assert await opens(journal, "db") is None
        assert await opens(journal, "db", name="other") is not None
        assert await opens(journal, "db", at=NOW + 60) is not None


async def test_a_target_that_is_still_worked_on_is_left_out_and_that_is_said(place: Place) -> None:
    async with place.opened() as journal:
        (running,) = await opens(journal, "db") or ()
        opened = await opens(journal, "db", "jobs", at=NOW + 60)
        assert opened is not None
        assert len(opened) == 1
        (said,) = (row for row in await exported(journal) if row["ev"] == "skipped")
        expected = {"target": "db", "reason": "overlapping", "running": running, "tick": NOW + 60}
        assert expected.items() <= said.items()
        assert (await journal.verify()).bad is None


async def test_what_was_handed_to_a_human_does_not_hold_up_the_next(place: Place) -> None:
    async with place.opened() as journal:
        await opens(journal, "db")
        await ends(journal, State.ESCALATED, Reason.RUNGS_EXHAUSTED)
        assert len(await opens(journal, "db", at=NOW + 60) or ()) == 1


async def test_schedules_whose_names_begin_alike_do_not_hold_each_other_up(place: Place) -> None:
    async with place.opened() as journal:
        await opens(journal, "db", name="heal.all")
        assert len(await opens(journal, "db", name="heal") or ()) == 1
        assert len(await opens(journal, "db2", name="heal", at=NOW + 60) or ()) == 1


async def test_who_asks_for_it_is_in_the_audit(place: Place) -> None:
    async with place.opened() as journal:
        await opens(journal, "db")
        (row,) = await exported(journal)
        assert (row["ev"], row["by"], row["tick"]) == ("opened", "schedule heal", NOW)


async def test_a_window_holds_for_what_stands_for_an_alert(place: Place) -> None:
    async with place.opened() as journal:
        window = Window(parse_matchers('service="db"'), NOW, NOW + 60, "upgrade", "ann")
        await journal.open_window(window, NOW)
        await opens(journal, "db")
        claim = await _at_the_gate(journal)

        async def seen(labels: dict[str, str] | None) -> float | None:
            return (
                await facts_of(journal, claim, replace(a_question(), stands_for=labels))
            ).maintenance

        assert await seen({"service": "db"}) == NOW + 60
        assert await seen({"service": "jobs"}) is None
        assert await seen({}) is None
        assert await seen(None) is None


async def _at_the_gate(journal: Journal) -> Claim:
    claim = await taken(journal)
    after = claim.incident.moved(State.GATING, Reason.FIRING, NOW)
    await journal.move(claim, Move(after, (Event("x", {}),)), NOW)
    return replace(claim, incident=after)


@pytest.mark.server
async def test_of_two_receivers_one_takes_each_moment(by_hand: PostgresPlace) -> None:
    async with by_hand.opened() as one, by_hand.opened() as other:
        for number in range(20):
            moment = NOW + 60.0 * number
            both = await asyncio.gather(
                opens(one, "db", "jobs", at=moment, name=f"s{number}"),
                opens(other, "db", "jobs", at=moment, name=f"s{number}"),
            )
            assert [len(numbers) for numbers in both if numbers is not None] == [2]
        assert (await words(one)).count("opened") == 40
