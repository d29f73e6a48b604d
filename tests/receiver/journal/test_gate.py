from __future__ import annotations

import asyncio
from functools import partial

import pytest

from receiver.decide.guards import Facts, Freeze, Limits, Rate
from receiver.decide.incident import State
from receiver.decide.matchers import parse_matchers
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal import Fenced, Journal, Move, Ruling, Seen
from tests.receiver.builders import NOW, a_letter, a_question, a_resolve, a_run, a_seen, an_alert
from tests.receiver.journal.doing import (
    LEASE,
    acted,
    asked,
    at_the_gate,
    by_the_guards,
    ended,
    exported,
    facts_of,
    fires,
    taken,
    words,
)
from tests.receiver.journal.places import Place


async def test_a_yes_is_a_run_an_intent_and_a_state_at_once(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    assert await journal.open_run(claim.incident.id) == ruling.run
    assert (await words(journal))[-1] == "intent"
    stored = await journal.incident(claim.incident.id)
    assert stored is not None
    assert stored.state is State.RUNNING


async def test_i2_two_gates_at_once_on_one_target_permit_one_run(journal: Journal) -> None:
    first = await at_the_gate(journal, "a")
    second = await at_the_gate(journal, "b")
    rulings = await asyncio.gather(asked(journal, first), asked(journal, second))
    assert [ruling.run is not None for ruling in rulings] == [True, False]
    assert rulings[1].move.incident.reason is Reason.TARGET_BUSY


async def test_i2_even_a_rule_that_says_yes_cannot_run_twice_on_a_target(
    journal: Journal,
) -> None:
    first, second = await at_the_gate(journal, "a"), await at_the_gate(journal, "b")

    def yes(_: object) -> Ruling:
        after = second.incident.moved(State.RUNNING, Reason.ALLOWED, NOW)
        return Ruling(Move(after), a_run(second))

    await asked(journal, first)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await journal.gate(second, a_question(), yes)
    stored = await journal.incident(second.incident.id)
    assert stored is not None
    assert stored.state is State.GATING


async def test_i1_one_rung_attempt_and_target_runs_once(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    await ended(journal, claim, ruling.run)
    with pytest.raises(Exception, match=r"(?i)unique"):
        await journal.gate(claim, a_question(), lambda _: ruling)


async def test_i14_a_gate_under_an_old_fence_permits_nothing(journal: Journal) -> None:
    old = await at_the_gate(journal)
    await taken(journal, NOW + LEASE, "other")
    with pytest.raises(Fenced):
        await asked(journal, old)
    assert await journal.open_run(old.incident.id) is None
    assert "intent" not in await words(journal)


async def test_i14_an_outcome_under_an_old_fence_is_not_written(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    await taken(journal, NOW + LEASE, "other")
    with pytest.raises(Fenced):
        await ended(journal, claim, ruling.run)
    assert await journal.open_run(claim.incident.id) == ruling.run


async def test_an_end_frees_the_target(journal: Journal) -> None:
    claim = await at_the_gate(journal, "a")
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    await ended(journal, claim, ruling.run)
    assert await journal.open_run(claim.incident.id) is None
    other = await at_the_gate(journal, "b")
    assert (await asked(journal, other)).run is not None


async def test_i6_a_run_without_an_end_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        ruling = await asked(journal, await at_the_gate(journal))
    async with place.opened() as journal:
        assert await journal.open_run(1) == ruling.run
        facts = await facts_of(journal, await at_the_gate(journal, "b"))
        assert facts.busy_targets == {"api"}


async def test_a_rule_that_fails_leaves_nothing_behind(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    before = await exported(journal)

    def broken(_: object) -> Ruling:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        await journal.gate(claim, a_question(), broken)
    assert await exported(journal) == before


async def test_the_facts_of_a_quiet_night(journal: Journal) -> None:
    facts = await facts_of(journal, await at_the_gate(journal))
    assert (facts.firing, facts.last_seen, facts.paused, facts.dependency) == (
        *(True, NOW, False, None),
    )
    assert (facts.busy_targets, facts.target_runs, facts.frozen) == (frozenset(), (), ())


async def test_i9_an_incident_whose_alerts_have_all_ended_is_not_firing(
    journal: Journal,
) -> None:
    claim = await at_the_gate(journal)
    await journal.ingest([Seen(a_resolve(), None)], NOW)
    assert not (await facts_of(journal, claim)).firing
    assert (await asked(journal, claim, a_question())).run is None


@pytest.mark.parametrize(
    ("mutes", "silenced", "inhibited"),
    [
        (("", ""), False, False),
        (("silenced", ""), False, False),
        (("silenced", "silenced"), True, False),
        (("inhibited", "inhibited"), False, True),
        (("silenced", "inhibited"), True, False),
    ],
)
async def test_i9_an_incident_is_muted_when_all_its_alerts_are(
    journal: Journal, mutes: tuple[str, str], silenced: bool, inhibited: bool
) -> None:
    await journal.ingest([a_seen(an_alert("a")), a_seen(an_alert("b"))], NOW)
    claim = await taken(journal)
    await journal.confirm(dict(zip(("alertmanager:a", "alertmanager:b"), mutes, strict=True)), NOW)
    facts = await facts_of(journal, claim)
    assert (facts.silenced, facts.inhibited) == (silenced, inhibited)


async def test_i9_what_was_heard_of_last_is_the_latest_of_the_alerts(
    journal: Journal,
) -> None:
    await journal.ingest([a_seen(an_alert("a")), a_seen(an_alert("b"))], NOW)
    claim = await taken(journal)
    await journal.ingest([a_seen(an_alert("b"))], NOW + 40)
    assert (await facts_of(journal, claim)).last_seen == NOW + 40


async def test_i10_a_pause_is_a_fact_of_the_next_gate(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    await journal.pause("ops", "deploy", NOW)
    assert (await asked(journal, claim)).move.incident.reason is Reason.PAUSED


async def test_an_open_alert_that_blocks_is_named(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    question = a_question(blocked_by=parse_matchers('alertname="PostgresDown"'))
    assert (await facts_of(journal, claim, question)).dependency is None
    down = an_alert("db", labels={"alertname": "PostgresDown"})
    await journal.ingest([Seen(down, None)], NOW)
    assert (await facts_of(journal, claim, question)).dependency == "PostgresDown"
    await journal.ingest([Seen(changed(a_resolve("db"), labels=down.labels), None)], NOW)
    assert (await facts_of(journal, claim, question)).dependency is None


async def test_i11_sick_targets_of_the_group_are_counted_once_each(journal: Journal) -> None:
    await fires(journal, "a", targets=("api",), key="1")
    await fires(journal, "b", targets=("api",), key="2")
    await fires(journal, "c", targets=("worker", "elsewhere"), key="3")
    claim = (await journal.claim("us", NOW, LEASE, 9))[0]
    group = frozenset({"api", "worker", "web"})
    facts = await facts_of(journal, claim, a_question(group=group))
    assert (facts.unhealthy, facts.group_size) == (2, 3)


async def test_i11_what_has_healed_is_not_sick(journal: Journal) -> None:
    claim = await at_the_gate(journal, "a", target="worker")
    await journal.move(claim, Move(claim.incident.moved(State.RESOLVED, Reason.RESOLVED, NOW)), NOW)
    other = await at_the_gate(journal, "b", target="api")
    group = frozenset({"api", "worker", "web"})
    assert (await facts_of(journal, other, a_question(group=group))).unhealthy == 1


async def test_a_playbooks_last_action_in_another_incident_is_known(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW)
    claim = await at_the_gate(journal, "b", now=NOW + 60)
    assert (await facts_of(journal, claim, a_question(NOW + 60))).ladder_acted_at == NOW
    elsewhere = a_question(NOW + 60, target="worker")
    assert (await facts_of(journal, claim, elsewhere)).ladder_acted_at is None


async def test_a_ladders_own_actions_are_no_reason_to_cool_down(journal: Journal) -> None:
    claim = await at_the_gate(journal)
    ruling = await asked(journal, claim)
    assert ruling.run is not None
    await ended(journal, claim, ruling.run)
    assert (await facts_of(journal, claim)).ladder_acted_at is None


async def test_i3_runs_are_counted_over_all_incidents_and_outcomes(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW, result="ok")
    await acted(journal, "b", target="api", now=NOW + 1, result="unknown")
    await acted(journal, "c", target="worker", now=NOW + 2, result="failed")
    claim = await at_the_gate(journal, "d", now=NOW + 3)
    facts = await facts_of(journal, claim, a_question(NOW + 3))
    assert sorted(facts.target_runs) == [NOW, NOW + 1]
    assert sorted(facts.all_runs) == [NOW, NOW + 1, NOW + 2]


async def test_i3_what_was_cancelled_before_it_began_is_not_counted(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW, result="cancelled", reason="stop_file")
    claim = await at_the_gate(journal, "b", now=NOW + 1)
    facts = await facts_of(journal, claim, a_question(NOW + 1))
    assert (facts.target_runs, facts.all_runs, facts.ladder_acted_at) == ((), (), None)


async def test_i3_what_was_called_off_half_way_is_counted(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW, result="cancelled", reason="resolved")
    claim = await at_the_gate(journal, "b", now=NOW + 1)
    facts = await facts_of(journal, claim, a_question(NOW + 1))
    assert (facts.target_runs, facts.all_runs, facts.ladder_acted_at) == ((NOW,), (NOW,), NOW)


async def test_i3_only_the_windows_are_counted(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW)
    limits = Limits(Rate(3, 60.0), Rate(9, 600.0))
    claim = await at_the_gate(journal, "b", now=NOW + 600)
    assert (await facts_of(journal, claim, a_question(NOW + 599, limits=limits))).all_runs
    assert not (await facts_of(journal, claim, a_question(NOW + 600, limits=limits))).all_runs


ONE_AN_HOUR = Limits(per_target=Rate(1, 3600.0))


async def test_i3_over_the_limit_the_scope_is_frozen_and_told_exactly_once(
    journal: Journal,
) -> None:
    await acted(journal, "a", target="api", now=NOW)
    page = (a_letter("frozen", channel="pager", dedup="frozen-api"),)
    for number, fingerprint in enumerate(("b", "c", "d")):
        now = NOW + 10 + number
        claim = await at_the_gate(journal, fingerprint, now=now)
        rule = by_the_guards(claim, a_run(claim, began_at=now), page)
        ruling = await journal.gate(claim, a_question(now, limits=ONE_AN_HOUR), rule)
        assert ruling.run is None
    frozen = [row for row in await exported(journal) if row["ev"] == "frozen"]
    assert [(row["scope"], row["until"]) for row in frozen] == [("target:api", NOW + 3600)]
    assert (await journal.backlog())["pager"].pending == 1


async def test_i3_two_gates_at_once_over_the_limit_freeze_once(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW)
    question = a_question(NOW, limits=ONE_AN_HOUR)
    claims = [await at_the_gate(journal, name) for name in ("b", "c")]
    await asyncio.gather(*(asked(journal, claim, question) for claim in claims))
    assert (await words(journal)).count("frozen") == 1


def said(ruling: Ruling, _: Facts) -> Ruling:
    return ruling


async def test_i3_what_is_frozen_already_is_not_told_again(journal: Journal) -> None:
    for fingerprint in ("a", "b"):
        claim = await at_the_gate(journal, fingerprint)
        blocked = claim.incident.moved(State.BLOCKED, Reason.LIMIT_GLOBAL, NOW)
        ruling = Ruling(
            Move(blocked, due=NOW + 1e6),
            freeze=Freeze("global", NOW + 60),
            frozen_letters=(a_letter("frozen", dedup=fingerprint),),
        )
        await journal.gate(claim, a_question(), partial(said, ruling))
    assert (await words(journal)).count("frozen") == 1
    assert (await journal.backlog())["ops"].pending == 1


async def test_i3_a_freeze_survives_a_restart(place: Place) -> None:
    async with place.opened() as journal:
        await acted(journal, "a", target="api", now=NOW)
        claim = await at_the_gate(journal, "b")
        await asked(journal, claim, a_question(limits=ONE_AN_HOUR))
    async with place.opened(NOW + 1) as journal:
        claim = await at_the_gate(journal, "c", now=NOW + 1)
        facts = await facts_of(journal, claim, a_question(NOW + 1))
        assert facts.frozen == (Freeze("target:api", NOW + 3600),)
        assert facts.target_runs == (NOW,)


async def test_i3_a_frozen_scope_thaws_with_a_word_and_acts_again(journal: Journal) -> None:
    await acted(journal, "a", target="api", now=NOW)
    claim = await at_the_gate(journal, "b", now=NOW + 1)
    await asked(journal, claim, a_question(NOW + 1, limits=ONE_AN_HOUR))
    later = NOW + 3600
    claim = await at_the_gate(journal, "c", now=later)
    ruling = await asked(journal, claim, a_question(later, limits=ONE_AN_HOUR))
    assert ruling.run is not None
    assert [row["scope"] for row in await exported(journal) if row["ev"] == "thawed"] == [
        "target:api"
    ]


async def test_i3_disruptive_runs_under_way_are_counted(journal: Journal) -> None:
    gentle = await at_the_gate(journal, "a", target="cache")
    await asked(
        journal,
        gentle,
        a_question(target="cache", disruptive=False),
        a_run(gentle, target="cache", disruptive=False),
    )
    rough = await at_the_gate(journal, "b", target="worker")
    await asked(journal, rough)
    facts = await facts_of(journal, await at_the_gate(journal, "c"))
    assert facts.busy_targets == {"cache", "worker"}
    assert facts.disruptive_running == 1
