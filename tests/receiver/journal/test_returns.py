"""Incidents that are opened again, and what the guards of flapping and of the breaker count; on every engine."""

from __future__ import annotations

from dataclasses import replace

from receiver.decide.incident import Incident, State
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Journal, Move, Seen
from tests.receiver.builders import NOW, a_draft, a_question, a_resolve, a_seen, an_alert
from tests.receiver.journal.doing import acted, exported, facts_of, fires, taken, words
from tests.receiver.journal.places import Place

KEY = "key-f1"


async def heals(
    journal: Journal, now: float = NOW, *, acted: bool = True, reason: Reason = Reason.RECOVERED
) -> Incident:
    """An incident of f1 that was repaired on its second rung and closed."""
    await fires(journal, now=now)
    return await closes(journal, now, acted=acted, reason=reason)


async def closes(
    journal: Journal, now: float, *, acted: bool = True, reason: Reason = Reason.RECOVERED
) -> Incident:
    claim = await taken(journal, now)
    progress = changed(claim.incident.progress, acted=acted, refused=("paused",))
    after = changed(
        claim.incident,
        state=State.RESOLVED,
        reason=reason,
        resolved_at=now,
        rung=1,
        progress=progress,
    )
    await journal.move(claim, Move(after, closes_episodes=True), now)
    return after


async def comes_back(
    journal: Journal, now: float, fingerprint: str = "f1", *, key: str = KEY
) -> tuple[int, ...]:
    """Which incidents that opened."""
    seen = a_seen(an_alert(fingerprint, starts_at=now), key=key)
    return (await journal.ingest([seen], now)).opened


async def escalates(journal: Journal, fingerprint: str, now: float, *, acted: bool = True) -> int:
    number = await fires(journal, fingerprint, now=now)
    claim = await taken(journal, now)
    incident = changed(claim.incident, state=State.NEXT_RUNG)
    incident = changed(incident, progress=changed(incident.progress, acted=acted))
    held = replace(claim, incident=incident)
    after = incident.moved(State.ESCALATED, Reason.RUNGS_EXHAUSTED, now)
    await journal.move(held, Move(after, due=now + 1e6), now)
    return number


async def test_a_repair_that_did_not_last_opens_the_same_incident_again(journal: Journal) -> None:
    healed = await heals(journal)
    assert await comes_back(journal, NOW + 300) == (healed.id,)
    incident = (await taken(journal, NOW + 300)).incident
    assert (incident.id, incident.state, incident.rung) == (healed.id, State.OPEN, 1)
    assert (incident.attempt, incident.episode) == (2, f"f1@{int(NOW + 300)}")
    assert (incident.resolved_at, incident.progress.refused) == (None, ())


async def test_the_reopening_is_told_in_the_journal_with_its_new_episode(journal: Journal) -> None:
    healed = await heals(journal)
    await comes_back(journal, NOW + 300)
    assert (await words(journal))[-2:] == ["received", "reopened"]
    row = (await exported(journal))[-1]
    assert (row["incident"], row["ep"]) == (healed.id, f"f1@{int(NOW + 300)}")
    assert (row["rung"], row["attempt"], row["playbook"]) == (1, 2, "repair")
    assert (await journal.verify()).bad is None


async def test_the_new_episode_belongs_to_the_incident(journal: Journal) -> None:
    healed = await heals(journal)
    await comes_back(journal, NOW + 300)
    assert [alert.open for alert in await journal.alerts(healed.id)] == [False, True]


async def test_a_stale_firing_that_was_confirmed_opens_it_again_too(journal: Journal) -> None:
    healed = await heals(journal)
    stale = an_alert(starts_at=NOW - 60.0, confirmed=True)
    done = await journal.ingest([a_seen(stale, key=KEY)], NOW + 100)
    assert done.opened == (healed.id,)


async def test_after_the_window_it_is_a_new_incident(journal: Journal) -> None:
    healed = await heals(journal)
    assert await comes_back(journal, NOW + 601) == (healed.id + 1,)


async def test_another_alert_of_the_same_group_is_a_new_incident(journal: Journal) -> None:
    healed = await heals(journal)
    assert await comes_back(journal, NOW + 300, "f2") == (healed.id + 1,)


async def test_what_ended_by_itself_is_a_new_incident(journal: Journal) -> None:
    healed = await heals(journal, acted=False)
    assert await comes_back(journal, NOW + 300) == (healed.id + 1,)


async def test_what_was_not_proven_healed_is_a_new_incident(journal: Journal) -> None:
    healed = await heals(journal, reason=Reason.RESOLVED)
    assert await comes_back(journal, NOW + 300) == (healed.id + 1,)


async def test_a_playbook_that_was_changed_meanwhile_begins_at_its_foot(journal: Journal) -> None:
    healed = await heals(journal)
    draft = a_draft(KEY)
    other = changed(draft, plan={**draft.plan, "cooldown": "1m"})
    done = await journal.ingest([Seen(an_alert(starts_at=NOW + 9), other)], NOW + 9)
    assert done.opened == (healed.id + 1,)


async def test_the_window_is_the_playbooks_own(journal: Journal) -> None:
    draft = a_draft(KEY)
    short = changed(draft, plan={**draft.plan, "reopen_window": "5s"})
    await journal.ingest([Seen(an_alert(), short)], NOW)
    healed = await closes(journal, NOW)
    done = await journal.ingest([Seen(an_alert(starts_at=NOW + 9), short)], NOW + 9)
    assert done.opened == (healed.id + 1,)


async def test_alerts_of_one_delivery_open_it_again_once(journal: Journal) -> None:
    healed = await heals(journal)
    batch = [a_seen(an_alert(name, starts_at=NOW + 9), key=KEY) for name in ("f1", "f2")]
    assert (await journal.ingest(batch, NOW + 9)).opened == (healed.id,)
    assert len(await journal.alerts(healed.id)) == 3


async def test_it_may_come_back_again_and_again(journal: Journal) -> None:
    healed = await heals(journal)
    for turn in (1, 2):
        await comes_back(journal, NOW + turn * 100)
        assert (await closes(journal, NOW + turn * 100 + 50)).progress.returns == turn
    assert (await words(journal, healed.id)).count("reopened") == 2


async def test_it_is_as_grave_as_the_gravest_of_its_alerts(journal: Journal) -> None:
    await journal.ingest([a_seen(key=KEY, severity="warning")], NOW)
    await closes(journal, NOW)
    await comes_back(journal, NOW + 100)
    assert (await taken(journal, NOW + 100)).incident.severity == "critical"


async def test_the_cooldown_knows_the_actions_from_before_the_reopening(journal: Journal) -> None:
    await acted(journal, "f1", target="api", now=NOW)
    await closes(journal, NOW + 2e6)
    await comes_back(journal, NOW + 2e6 + 5)
    claim = await taken(journal, NOW + 2e6 + 5)
    assert (await facts_of(journal, claim, a_question(NOW + 2e6 + 5))).ladder_acted_at == NOW


async def test_a_reopening_is_a_repair_in_vain(journal: Journal) -> None:
    await heals(journal)
    await comes_back(journal, NOW + 300)
    claim = await taken(journal, NOW + 300)
    assert (await facts_of(journal, claim, a_question(NOW + 300))).ineffective == (NOW + 300,)


async def test_a_human_called_after_an_action_is_a_repair_in_vain(journal: Journal) -> None:
    await escalates(journal, "f1", NOW)
    await escalates(journal, "f2", NOW + 1, acted=False)
    await fires(journal, "f3", now=NOW + 2)
    claim = await taken(journal, NOW + 2)
    facts = await facts_of(journal, claim, a_question(NOW + 2))
    assert (facts.playbook, facts.ineffective) == ("repair", (NOW,))


async def test_only_the_playbooks_own_failures_of_the_window_count(journal: Journal) -> None:
    await escalates(journal, "f1", NOW - 3601)
    await escalates(journal, "f2", NOW)
    await fires(journal, "f3", playbook="other", now=NOW + 2)
    claim = await taken(journal, NOW + 2)
    assert (await facts_of(journal, claim, a_question(NOW + 2))).ineffective == ()


async def test_failures_survive_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await escalates(journal, "f1", NOW)
    async with place.opened() as journal:
        await fires(journal, "f2", now=NOW + 2)
        claim = await taken(journal, NOW + 2)
        assert (await facts_of(journal, claim, a_question(NOW + 2))).ineffective == (NOW,)


async def test_a_human_who_resolves_or_acknowledges_is_not_counted_again(journal: Journal) -> None:
    number = await escalates(journal, "f1", NOW)
    await journal.command(
        number, lambda one: Move(one.moved(State.ACKNOWLEDGED, Reason.OPERATOR, NOW)), NOW
    )
    await fires(journal, "f2", now=NOW + 2)
    claims = await journal.claim("us", NOW + 2, 15.0, 10)
    (claim,) = (one for one in claims if one.incident.id != number)
    assert (await facts_of(journal, claim, a_question(NOW + 2))).ineffective == (NOW,)


async def comes_and_goes(journal: Journal, times: int, *, every: float = 10.0) -> float:
    now = NOW
    for turn in range(times):
        now = NOW + turn * every
        await journal.ingest([a_seen(an_alert(starts_at=now), key=KEY)], now)
        if turn + 1 < times:
            await journal.ingest([Seen(a_resolve(ends_at=now + 1), None)], now + 1)
    return now


async def test_episodes_of_one_alert_are_counted(journal: Journal) -> None:
    now = await comes_and_goes(journal, 4)
    claim = await taken(journal, now)
    assert (await facts_of(journal, claim, a_question(now))).episodes == 4


async def test_only_the_episodes_of_the_window_are_counted(journal: Journal) -> None:
    now = await comes_and_goes(journal, 4, every=1800.0)
    claim = await taken(journal, now)
    assert (await facts_of(journal, claim, a_question(now))).episodes == 2


async def test_many_alerts_of_one_incident_are_no_flapping(journal: Journal) -> None:
    for number in range(5):
        await journal.ingest([a_seen(an_alert(f"f{number}"), key=KEY)], NOW)
    claim = await taken(journal)
    assert (await facts_of(journal, claim)).episodes == 1


async def test_an_operator_who_resumes_wipes_the_slate(journal: Journal) -> None:
    await escalates(journal, "f1", NOW)
    await journal.resume("eve", NOW + 1)
    await fires(journal, "f2", now=NOW + 2)
    claim = await taken(journal, NOW + 2)
    assert (await facts_of(journal, claim, a_question(NOW + 2))).ineffective == ()
