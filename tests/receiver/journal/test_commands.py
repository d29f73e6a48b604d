from __future__ import annotations

from collections.abc import Callable

import pytest

from receiver.decide.incident import IllegalMove, Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Conflict, Event, Fenced, Journal, Move
from tests.receiver.builders import NOW, a_draft, a_letter, a_seen, an_alert
from tests.receiver.journal.doing import (
    asked,
    at_the_gate,
    ended,
    exported,
    fires,
    taken,
    words,
)
from tests.receiver.journal.places import Place

LATER = NOW + 1000


def resolve(incident: Incident) -> Move:
    after = incident.moved(State.RESOLVED, Reason.OPERATOR, NOW)
    return Move(after, (Event("resolved", {"incident": incident.id}),), (a_letter("resolved"),))


def approve(incident: Incident) -> Move:
    return Move(changed(incident, progress=changed(incident.progress, approval="digest")))


def acknowledge(by: str) -> Callable[[Incident], Move]:
    return lambda incident: Move(
        changed(incident, acknowledged_by=by), (Event("acknowledged", {}),)
    )


async def waiting(journal: Journal) -> None:
    """An incident that nobody holds and that is not due for long."""
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, Move(claim.incident, due=LATER), NOW)


async def test_a_humans_word_changes_the_incident_with_its_event_and_letter(
    journal: Journal,
) -> None:
    await waiting(journal)
    after = await journal.command(1, resolve, NOW + 1)
    assert after.state is State.RESOLVED
    assert await journal.incident(1) == after
    assert (await words(journal))[-1] == "resolved"
    assert (await journal.backlog())["ops"].pending == 1
    assert await journal.next_due() is None


async def test_what_a_human_changed_is_looked_at_now(journal: Journal) -> None:
    await waiting(journal)
    await journal.command(1, approve, NOW + 1)
    assert await journal.next_due() == NOW + 1
    assert (await taken(journal, NOW + 1)).incident.progress.approval == "digest"


async def test_i14_whoever_held_it_is_fenced_off(journal: Journal) -> None:
    await fires(journal)
    held = await taken(journal)
    await journal.command(1, approve, NOW)
    with pytest.raises(Fenced):
        await journal.move(held, Move(held.incident, due=LATER), NOW)
    assert (await taken(journal)).incident.progress.approval == "digest"


async def test_an_acknowledgement_that_moves_nothing_disturbs_nobody(
    journal: Journal,
) -> None:
    claim = await at_the_gate(journal)
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    assert (await journal.command(1, acknowledge("ops"), NOW)).acknowledged_by == "ops"
    await ended(journal, claim, ruling.run)
    stored = await journal.incident(1)
    assert stored is not None
    assert stored.acknowledged_by == "ops"
    assert (await words(journal))[-2:] == ["acknowledged", "outcome"]


async def test_while_an_action_is_under_way_a_change_is_a_conflict(journal: Journal) -> None:
    await asked(journal, await at_the_gate(journal))
    before = await exported(journal)
    with pytest.raises(Conflict, match="action under way"):
        await journal.command(1, approve, NOW)
    assert await exported(journal) == before


async def test_a_word_that_does_not_fit_the_state_changes_nothing(journal: Journal) -> None:
    await waiting(journal)

    def refuse(_: Incident) -> Move:
        raise Conflict("does not wait for an approval")

    with pytest.raises(Conflict, match="does not wait"):
        await journal.command(1, refuse, NOW)
    assert await journal.next_due() == LATER


async def test_an_illegal_move_by_a_human_is_refused_as_any_other(journal: Journal) -> None:
    await waiting(journal)
    await journal.command(1, resolve, NOW)
    with pytest.raises(IllegalMove):
        await journal.command(1, resolve, NOW)


async def test_there_is_nothing_to_say_to_an_incident_that_is_not_there(
    journal: Journal,
) -> None:
    with pytest.raises(LookupError, match="no incident 7"):
        await journal.command(7, resolve, NOW)


async def test_i10_a_pause_names_who_and_why_and_is_in_the_journal(journal: Journal) -> None:
    assert await journal.paused() is None
    await journal.pause("ops", "deploy", NOW)
    assert await journal.paused() == "deploy (ops)"
    (row,) = await exported(journal)
    assert (row["ev"], row["by"], row["reason"], row["t"]) == ("paused", "ops", "deploy", NOW)


@pytest.mark.parametrize("reason", ["", "  "])
async def test_i10_a_pause_without_a_reason_is_one(journal: Journal, reason: str) -> None:
    await journal.pause("ops", reason, NOW)
    assert await journal.paused() == "no reason given (ops)"


async def test_i10_a_pause_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await journal.pause("ops", "deploy", NOW)
    async with place.opened() as journal:
        assert await journal.paused() == "deploy (ops)"
        await journal.resume("ops", NOW)
    async with place.opened() as journal:
        assert await journal.paused() is None


async def test_a_second_pause_takes_the_place_of_the_first(journal: Journal) -> None:
    await journal.pause("a", "one", NOW)
    await journal.pause("b", "two", NOW)
    assert await journal.paused() == "two (b)"
    await journal.resume("a", NOW)
    assert await journal.paused() is None


async def test_resuming_has_everything_blocked_looked_at(journal: Journal) -> None:
    await journal.pause("ops", "deploy", NOW)
    await asked(journal, await at_the_gate(journal))
    assert await journal.next_due() == NOW + 30
    await journal.resume("ops", NOW + 1)
    assert await journal.next_due() == NOW + 1
    assert (await taken(journal, NOW + 1)).incident.reason is Reason.PAUSED


async def test_resuming_what_was_not_paused_does_no_harm(journal: Journal) -> None:
    await waiting(journal)
    await journal.resume("ops", NOW)
    assert await journal.next_due() == LATER


async def test_what_belongs_to_no_incident_is_recorded_too(journal: Journal) -> None:
    await journal.record([Event("reloaded", {"by": "ops"})], [a_letter("test", incident=0)], NOW)
    assert await words(journal) == ["reloaded"]
    (posting,) = await journal.postings("ops", NOW, 9)
    assert (posting.incident, posting.letter.event) == (0, "test")


async def test_what_nobody_heard_of_is_found(journal: Journal) -> None:
    old = await fires(journal, "f1", now=NOW)
    await fires(journal, "f2", now=NOW + 100)
    assert await journal.unheard(NOW + 50) == (old,)


async def test_one_alert_that_was_heard_of_speaks_for_its_incident(journal: Journal) -> None:
    await fires(journal, "f1", key="k", now=NOW)
    await journal.ingest([a_seen(an_alert("f2"), key="k")], NOW + 100)
    assert await journal.unheard(NOW + 50) == ()


async def test_what_is_closed_or_has_no_alert_is_not_looked_for(journal: Journal) -> None:
    number = await fires(journal, "f1", now=NOW)
    await journal.open_by_hand(a_draft("by-hand"), "eve", NOW)
    await journal.command(number, gives_up, NOW)
    assert await journal.unheard(NOW + 50) == ()


def gives_up(incident: Incident) -> Move:
    return Move(incident.moved(State.EXPIRED, Reason.EXPIRED, NOW), closes_episodes=True)


async def test_what_was_heard_of_in_the_meantime_is_not_given_up(journal: Journal) -> None:
    number = await fires(journal, "f1", now=NOW)
    await journal.ingest([a_seen(an_alert("f1"), key="key-f1")], NOW + 60)
    with pytest.raises(Conflict, match="heard of again"):
        await journal.command(number, gives_up, NOW + 61, NOW + 50)
    assert (await journal.command(number, gives_up, NOW + 61, NOW + 60)).state is State.EXPIRED


async def test_what_was_given_up_holds_no_alert_open(journal: Journal) -> None:
    number = await fires(journal, "f1", now=NOW)
    await journal.command(number, gives_up, NOW + 61, NOW)
    assert await journal.open_alerts() == ()
    assert await fires(journal, "f1", now=NOW + 200, starts_at=NOW + 199) == number + 1
