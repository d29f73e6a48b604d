"""What runs were found to be, what was refused and held back, and what was granted: the same on every engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from receiver.decide.incident import Incident, State
from receiver.decide.plan import Mode
from receiver.decide.reason import Reason
from receiver.decide.trust import Grant, NotGranted, Stance, Tally
from receiver.decide.values import changed
from receiver.journal import Claim, Ended, Event, Journal, Move
from receiver.journal.trust import Regrant
from tests.receiver.builders import NOW, a_letter, a_question, a_resolve, a_seen
from tests.receiver.journal.doing import asked, at_the_gate, exported, facts_of, fires, taken
from tests.receiver.journal.places import Place

DAY = 86400.0
GRANTED = Grant("repair", "restart", Mode.APPROVE, "", "ops", "because", NOW)


def a_regrant(grant: Grant = GRANTED) -> Regrant:
    return Regrant(
        grant, ("demoted", {"playbook": grant.playbook}), (a_letter("trust", dedup="d"),)
    )


async def judged(
    journal: Journal, verdict: str, fingerprint: str = "f1", *, now: float = NOW, run: bool = True
) -> Incident:
    """An action on an alert, and what verification said of it five seconds later."""
    claim = await at_the_gate(journal, fingerprint, target=fingerprint, now=now)
    claim = await _ran(journal, claim, now)
    to = State.HEALED_HOLD if verdict == "recovered" else State.NEXT_RUNG
    reason = Reason.RECOVERED if verdict == "recovered" else Reason.STILL_BROKEN
    after = changed(claim.incident.moved(to, reason, now + 5), reason=reason)
    said = Event("verdict", {"incident": after.id, "step": "restart", "verdict": verdict})
    await journal.move(claim, Move(after, (said,), due=now + 1e6), now + 5)
    return after


async def _ran(journal: Journal, claim: Claim, now: float) -> Claim:
    question = a_question(now, target=claim.incident.targets[0])
    ruling = await asked(journal, claim, question)
    assert ruling.run is not None
    after = ruling.move.incident.moved(State.VERIFYING, Reason.DONE, now, acted=True)
    await journal.end(claim, Ended(ruling.run.action_id, "ok", "done"), Move(after), now)
    return replace(claim, incident=after)


async def tally(journal: Journal, *, fresh: bool = False) -> Tally:
    (only,) = await journal.tallies(NOW - DAY, DAY, fresh=fresh)
    return only


async def test_nothing_is_known_of_what_never_ran(journal: Journal) -> None:
    assert await journal.tallies(0.0, DAY) == ()
    assert await journal.refusals(0.0) == ()
    assert await journal.grants() == ()


@pytest.mark.parametrize(
    ("verdict", "found"),
    [
        ("recovered", Tally("repair", "restart", helped=1, took=5.0)),
        ("still_broken", Tally("repair", "restart", in_vain=1)),
        ("inconclusive", Tally("repair", "restart", unseen=1)),
    ],
)
async def test_a_verdict_is_counted_with_its_run(
    journal: Journal, verdict: str, found: Tally
) -> None:
    await judged(journal, verdict)
    assert await tally(journal) == found


async def test_a_run_that_failed_is_counted_and_one_that_never_began_is_not(
    journal: Journal,
) -> None:
    for fingerprint, reason in (("f1", Reason.FAILED), ("f2", Reason.NOT_STARTED)):
        claim = await at_the_gate(journal, fingerprint, target=fingerprint)
        ruling = await asked(journal, claim)
        assert ruling.run is not None
        after = ruling.move.incident.moved(State.STEP_FAILED, reason, NOW)
        end = Ended(ruling.run.action_id, "failed", str(reason))
        await journal.end(claim, end, Move(after, due=NOW + 1e6), NOW)
    assert await tally(journal) == Tally("repair", "restart", failed=1)


async def test_a_later_verdict_on_the_same_run_is_the_one_that_counts(journal: Journal) -> None:
    healed = await judged(journal, "recovered")
    (claim,) = await journal.claim("us", NOW + 2e6, 15.0, 10)
    after = claim.incident.moved(State.NEXT_RUNG, Reason.STILL_BROKEN, NOW + 9)
    said = Event("verdict", {"incident": healed.id, "step": "restart", "verdict": "still_broken"})
    await journal.move(claim, Move(after, (said,), due=NOW + 1e7), NOW + 9)
    assert await tally(journal) == Tally("repair", "restart", in_vain=1)


@pytest.mark.parametrize(
    ("after", "found"),
    [
        (3600.0, Tally("repair", "restart", returned=1)),
        (2 * DAY, Tally("repair", "restart", helped=1, took=5.0)),
    ],
)
async def test_what_is_back_within_a_day_did_not_help(
    journal: Journal, after: float, found: Tally
) -> None:
    await judged(journal, "recovered")
    claim = await taken(journal, NOW + 2e6)
    over = claim.incident.moved(State.RESOLVED, Reason.RECOVERED, NOW + 6)
    await journal.move(claim, Move(over, closes_episodes=True), NOW + 6)
    await journal.ingest([a_seen(a_resolve("f1", ends_at=NOW + 6), key="key-f1")], NOW + 6)
    await fires(journal, "f1", now=NOW + after)
    assert await tally(journal) == found


async def test_refusals_are_counted_by_rung_reason_and_day(journal: Journal) -> None:
    for fingerprint, reason in (("f1", "cooldown"), ("f2", "cooldown"), ("f3", "paused")):
        claim = await at_the_gate(journal, fingerprint, target=fingerprint)
        await _refused(journal, claim, reason, NOW)
    claim = await at_the_gate(journal, "f4", target="f4")
    await _refused(journal, claim, "cooldown", NOW - 3 * DAY)
    seen = {(one.step, one.reason): one.count for one in await journal.refusals(NOW - DAY)}
    assert seen == {("restart", "cooldown"): 2, ("restart", "paused"): 1}


async def _refused(journal: Journal, claim: Claim, reason: str, now: float) -> None:
    state = State.SHADOW if reason == "shadow" else State.BLOCKED
    after = claim.incident.moved(state, Reason(reason), now)
    said = Event("refused", {"incident": after.id, "reason": reason, "target": after.targets[0]})
    await journal.move(claim, Move(after, (said,), due=now + 1e6), now)


async def test_what_shadow_mode_held_back_is_kept_with_the_end_of_its_incident(
    journal: Journal,
) -> None:
    claim = await at_the_gate(journal)
    await _refused(journal, claim, "shadow", NOW)
    (open_one,) = await journal.withheld("repair", NOW - DAY, 10)
    assert (open_one.step, open_one.kind, open_one.target) == ("restart", "restart", "api")
    assert open_one.lasted is None
    (again,) = await journal.claim("us", NOW + 2e6, 15.0, 10)
    over = again.incident.moved(State.RESOLVED, Reason.RESOLVED, NOW + 60)
    await journal.move(again, Move(over), NOW + 60)
    (ended,) = await journal.withheld("repair", NOW - DAY, 10)
    assert ended.lasted == 60.0


async def test_the_last_runs_are_the_newest(journal: Journal) -> None:
    for number in range(4):
        await judged(journal, "recovered", f"f{number}", now=NOW + number * 100)
    seen = await journal.past_runs("repair", 2)
    assert [run.target for run in seen] == ["f3", "f2"]
    assert {(run.result, run.verdict) for run in seen} == {("ok", "recovered")}


async def test_only_what_humans_ended_says_how_long_humans_take(journal: Journal) -> None:
    for fingerprint, reason in (("f1", Reason.OPERATOR), ("f2", Reason.RESOLVED)):
        number = await fires(journal, fingerprint)

        def over(before: Incident, reason: Reason = reason) -> Move:
            return Move(before.moved(State.RESOLVED, reason, NOW + 300))

        await journal.command(number, over, NOW + 300)
    assert await journal.human_times(NOW) == {"repair": [300.0]}


async def test_a_grant_is_written_with_its_row_and_its_letters(journal: Journal) -> None:
    assert await journal.regrant("repair", lambda _: a_regrant(), NOW) == GRANTED
    assert await journal.grants("repair") == await journal.grants() == (GRANTED,)
    assert await journal.grants("other") == ()
    assert [row["ev"] for row in await exported(journal)] == ["demoted"]
    assert [one.letter.event for one in await journal.postings("ops", NOW, 10)] == ["trust"]


async def test_a_new_grant_takes_the_place_of_the_old_one(journal: Journal) -> None:
    await journal.regrant("repair", lambda _: a_regrant(), NOW)
    better = replace(GRANTED, mode=Mode.AUTO, at=NOW + 1)
    seen: list[tuple[Grant, ...]] = []

    def weighing(known: tuple[Grant, ...]) -> Regrant:
        seen.append(known)
        return a_regrant(better)

    await journal.regrant("repair", weighing, NOW + 1)
    assert seen == [(GRANTED,)]
    assert await journal.grants() == (better,)


async def test_what_is_not_granted_changes_nothing(journal: Journal) -> None:
    def refuses(_: tuple[Grant, ...]) -> Regrant:
        raise NotGranted("no")

    with pytest.raises(NotGranted):
        await journal.regrant("repair", refuses, NOW)
    assert await journal.regrant("repair", lambda _: None, NOW) is None
    assert (await journal.grants(), await exported(journal)) == ((), [])


async def test_of_two_who_demote_at_once_one_does(journal: Journal) -> None:
    def once(known: tuple[Grant, ...]) -> Regrant | None:
        return None if known else a_regrant()

    done = await asyncio.gather(*(journal.regrant("repair", once, NOW) for _ in range(5)))
    assert sorted(one is None for one in done) == [False, True, True, True, True]
    assert [row["ev"] for row in await exported(journal)] == ["demoted"]


async def test_grants_survive_the_receiver(place: Place) -> None:
    async with place.opened() as journal:
        await journal.regrant("repair", lambda _: a_regrant(), NOW)
    async with place.opened(NOW + 60) as again:
        assert await again.grants() == (GRANTED,)


async def test_the_guards_are_given_the_mode_that_the_grants_leave(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    stance = Stance(Mode.AUTO, Mode.AUTO, None, "repair", "restart", "same")
    question = replace(a_question(), stance=stance)
    assert (await facts_of(journal, claim, question)).mode is Mode.AUTO
    await journal.regrant("repair", lambda _: a_regrant(), NOW)
    assert (await facts_of(journal, claim, question)).mode is Mode.APPROVE


async def test_only_runs_since_its_grant_are_fresh(journal: Journal) -> None:
    await judged(journal, "still_broken")
    await journal.regrant("repair", lambda _: a_regrant(replace(GRANTED, at=NOW + 10)), NOW + 10)
    assert await journal.tallies(NOW - DAY, DAY, fresh=True) == ()
    assert (await tally(journal)).in_vain == 1
    await judged(journal, "recovered", "f2", now=NOW + 20)
    assert await tally(journal, fresh=True) == Tally("repair", "restart", helped=1, took=5.0)


async def test_what_is_old_is_forgotten(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    await _refused(journal, claim, "shadow", NOW)
    await journal.prune(NOW + 3 * DAY, 100, NOW + 3 * DAY)
    assert await journal.refusals(0.0) == ()
    assert await journal.withheld("repair", 0.0, 10) == ()
