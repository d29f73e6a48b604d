from __future__ import annotations

from pathlib import Path

import pytest

from receiver.decide.incident import Progress, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Claim, Conflict, Event, Fenced, Journal, Move, Page, Seen
from tests.receiver.builders import NOW, a_letter, a_resolve, a_seen, an_alert
from tests.receiver.journal.doing import LEASE, exported, fires, opened, taken, words
from tests.receiver.journal.places import Place


def still(claim: Claim, due: float | None = None, passes: int = 0) -> Move:
    """A move that changes no state."""
    incident = claim.incident
    return Move(changed(incident, progress=changed(incident.progress, passes=passes)), due=due)


async def test_i7_what_was_over_is_closed_and_never_what_fires_since(journal: Journal) -> None:
    await journal.ingest([a_seen(an_alert("a"))], NOW)
    (claim,) = await journal.claim("us", NOW, LEASE, 9)
    (seen,) = await journal.alerts(claim.incident.id)
    over = Move(
        changed(claim.incident, state=State.RESOLVED, resolved_at=NOW + 2),
        closes_episodes=True,
        over=frozenset({seen.opened_at}),
    )
    await journal.ingest([a_seen(an_alert("b"))], NOW + 1)
    with pytest.raises(Conflict, match="fires again"):
        await journal.move(claim, over, NOW + 2)
    assert len(await journal.open_alerts()) == 2
    await journal.ingest([Seen(a_resolve("b", ends_at=NOW + 2), None)], NOW + 2)
    await journal.move(claim, over, NOW + 2)
    assert await journal.open_alerts() == ()


async def test_what_is_due_is_claimed_once(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    assert (claim.incident.id, claim.fence) == (1, 1)
    assert await journal.claim("other", NOW, LEASE, 10) == ()


async def test_what_is_not_due_is_left_alone(journal: Journal) -> None:
    await fires(journal)
    assert await journal.claim("us", NOW - 0.1, LEASE, 10) == ()


async def test_no_more_is_claimed_than_asked_for_and_the_oldest_first(
    journal: Journal,
) -> None:
    for number in range(5):
        await fires(journal, f"f{number}", now=NOW - number)
    first = await journal.claim("us", NOW, LEASE, 2)
    assert {claim.incident.id for claim in first} == {5, 4}
    rest = await journal.claim("us", NOW, LEASE, 10)
    assert {claim.incident.id for claim in rest} == {1, 2, 3}


async def test_i14_a_lease_that_ran_out_is_claimed_by_another_under_a_new_fence(
    journal: Journal,
) -> None:
    await fires(journal)
    first = await taken(journal)
    second = await taken(journal, NOW + LEASE, "other")
    assert second.fence > first.fence


async def test_i14_the_old_fence_writes_nothing(journal: Journal) -> None:
    await fires(journal)
    old = await taken(journal)
    new = await taken(journal, NOW + LEASE, "other")
    before = await words(journal)
    gone = old.incident.moved(State.RESOLVED, Reason.OPERATOR, NOW)
    with pytest.raises(Fenced):
        await journal.move(old, Move(gone, (Event("resolved", {}),), (a_letter(),)), NOW)
    assert await words(journal) == before
    assert await journal.backlog() == {}
    await journal.move(new, still(new, passes=1), NOW)


async def test_a_renewed_lease_is_not_taken_over(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    assert await journal.renew([claim], NOW + 2 * LEASE) == {1}
    assert await journal.claim("other", NOW + LEASE, LEASE, 10) == ()


async def test_i14_renewing_says_what_is_ours_no_longer(journal: Journal) -> None:
    await fires(journal, "a")
    await fires(journal, "b")
    first, second = await journal.claim("us", NOW, LEASE, 10)
    (stolen,) = await journal.claim("other", NOW + LEASE, LEASE, 1)
    kept = {first.incident.id, second.incident.id} - {stolen.incident.id}
    assert await journal.renew([first, second], NOW + 99) == kept


async def test_what_was_given_back_is_not_renewed(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, still(claim, due=NOW + 5), NOW)
    assert await journal.renew([claim], NOW + 99) == frozenset()
    assert await journal.next_due() == NOW + 5


async def test_a_move_without_a_due_keeps_the_claim(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, still(claim, passes=1), NOW)
    assert await journal.claim("other", NOW, LEASE, 10) == ()
    assert await journal.next_due() == NOW + LEASE
    await journal.move(claim, still(claim, passes=2, due=None), NOW)


async def test_a_move_with_a_due_gives_the_claim_back(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, still(claim, due=NOW + 5), NOW)
    assert await journal.claim("other", NOW + 4.9, LEASE, 10) == ()
    assert (await taken(journal, NOW + 5, "other")).fence == claim.fence + 1


async def test_closing_gives_the_claim_back_for_ever(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    after = claim.incident.moved(State.RESOLVED, Reason.RESOLVED, NOW + 1)
    await journal.move(claim, Move(after), NOW + 1)
    assert await journal.next_due() is None
    assert await journal.claim("us", NOW + 1e9, LEASE, 10) == ()
    stored = await journal.incident(1)
    assert stored is not None
    assert (stored.state, stored.resolved_at) == (State.RESOLVED, NOW + 1)


async def test_all_that_a_move_says_is_stored(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    progress = Progress(since=1.5, passes=3, refused=("paused",), verify_from=2.5, approval="x")
    after = changed(
        claim.incident,
        state=State.GATING,
        reason=Reason.PAUSED,
        rung=2,
        attempt=3,
        progress=progress,
    )
    await journal.move(claim, Move(after, due=NOW), NOW)
    assert (await taken(journal)).incident == after
    assert await journal.incident(1) == after


async def test_a_move_its_events_and_its_letters_are_one(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    impossible = Event("x", {"not json": object()})
    move = changed(still(claim, passes=9), events=(impossible,), letters=(a_letter(),))
    with pytest.raises(TypeError):
        await journal.move(claim, move, NOW)
    stored = await journal.incident(1)
    assert stored is not None
    assert stored.progress.passes == 0
    assert await journal.backlog() == {}


async def test_a_nudge_makes_what_waits_due_now(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.move(claim, still(claim, due=NOW + 1000), NOW)
    await journal.ingest([Seen(a_resolve(), None)], NOW + 1)
    assert await journal.next_due() == NOW + 1


async def test_a_nudge_while_it_is_claimed_makes_it_due_again_when_it_is_given_back(
    journal: Journal,
) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.ingest([Seen(a_resolve(), None)], NOW + 1)
    assert await journal.claim("other", NOW + 1, LEASE, 10) == ()
    await journal.move(claim, still(claim, passes=1), NOW + 2)
    await journal.move(claim, still(claim, due=NOW + 1000), NOW + 3)
    assert await journal.next_due() == NOW + 3


async def test_a_nudge_counts_once(journal: Journal) -> None:
    await fires(journal)
    claim = await taken(journal)
    await journal.ingest([Seen(a_resolve(), None)], NOW + 1)
    await journal.move(claim, still(claim, due=NOW + 1000), NOW + 3)
    again = await taken(journal, NOW + 3)
    await journal.move(again, still(again, due=NOW + 1000), NOW + 4)
    assert await journal.next_due() == NOW + 1000


async def test_what_closes_its_episodes_leaves_none_open(journal: Journal) -> None:
    await fires(journal, "a", key="k")
    await journal.ingest([], NOW)
    claim = await taken(journal)
    after = claim.incident.moved(State.RESOLVED, Reason.RECOVERED, NOW)
    await journal.move(claim, Move(after, closes_episodes=True), NOW)
    assert await journal.open_alerts() == ()
    assert await journal.next_due() is None


async def test_incidents_are_listed_newest_first_by_state_and_page(journal: Journal) -> None:
    for number in range(4):
        await fires(journal, f"f{number}", now=NOW + number)
    (claim,) = await journal.claim("us", NOW, LEASE, 1)
    await journal.move(claim, Move(claim.incident.moved(State.GATING, Reason.FIRING, NOW)), NOW)
    assert [one.id for one in await journal.incidents(Page())] == [4, 3, 2, 1]
    assert [one.id for one in await journal.incidents(Page(limit=2, before=4))] == [3, 2]
    assert [one.id for one in await journal.incidents(Page(state="GATING"))] == [1]
    assert await journal.counts() == {"OPEN": 3, "GATING": 1}


async def test_a_number_that_no_incident_can_have_is_no_incident(journal: Journal) -> None:
    for number in (0, -1, 99, 1 << 63, 10**30):
        assert await journal.incident(number) is None
        with pytest.raises(LookupError):
            await journal.command(number, Move, NOW)
    assert await journal.incidents(Page(before=10**30)) == ()


async def test_i14_what_a_dead_process_had_claimed_is_due_at_once_and_its_fence_is_void(
    tmp_path: Path,
) -> None:
    """Only where nobody else can live: with others about, a lease has to run out first."""
    file = tmp_path / "journal.db"
    async with opened(file) as journal:
        await fires(journal, "claimed")
        await fires(journal, "waiting", now=NOW + 500)
        old = await taken(journal)
    async with opened(file, NOW + 1) as journal:
        assert await journal.next_due() == NOW + 1
        with pytest.raises(Fenced):
            await journal.move(old, still(old), NOW + 1)
        assert (await taken(journal, NOW + 1)).fence > old.fence
        assert await journal.next_due() == NOW + 1 + LEASE


async def test_the_journals_name_and_what_is_remembered_survive(
    place: Place, tmp_path: Path
) -> None:
    async with place.opened() as journal:
        name = journal.name
        await journal.remember("heard_as", "prunella")
        await journal.remember("heard_as", "other")
    async with place.opened() as journal:
        assert journal.name == name
        assert await journal.recall("heard_as") == "other"
        assert await journal.recall("never") is None
    async with opened(tmp_path / "another.db") as other:
        assert other.name != name


async def test_two_openings_leave_one_unbroken_chain(place: Place) -> None:
    async with place.opened() as journal:
        await fires(journal, "a")
    async with place.opened() as journal:
        await fires(journal, "b")
        assert (await journal.verify()).bad is None
        assert [row["seq"] for row in await exported(journal)] == [1, 2, 3, 4]


async def test_many_incidents_are_read_at_once(journal: Journal) -> None:
    await journal.ingest([a_seen(an_alert("a"), key="a"), a_seen(an_alert("b"), key="b")], NOW)
    found = await journal.these({1, 2, 7, 2**70})
    assert found == {number: await journal.incident(number) for number in (1, 2)}
    assert await journal.these(()) == {}
