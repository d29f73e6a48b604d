"""Every no has a reason of its own, and what cannot be seen is asked of a human."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.guards import Answer
from receiver.decide.reason import Reason
from receiver.decide.release import Release, ReleaseState, bad_versions, current
from receiver.decide.rollback import Attempt, RollbackFacts, by_hand, may_roll_back
from tests.receiver.builders import NOW
from tests.receiver.decide import releases
from tests.receiver.decide.releases import HOUR, a_ledger, a_release

GOOD = a_release("v1", hours_ago=10)
BAD_ONE = a_release("v2", compatible_down_to="v1")
LEDGER = a_ledger(GOOD, BAD_ONE)


def facts(**changes: Any) -> RollbackFacts:
    return releases.facts(**{"releases": LEDGER, **changes})


def flying() -> Release:
    return a_release(
        "v3",
        hours_ago=0.1,
        state=ReleaseState.DEPLOYING,
        finished_at=None,
        compatible_down_to="v1",
    )


def test_when_nothing_speaks_against_it_it_goes() -> None:
    decision = may_roll_back(facts())
    assert (decision.answer, decision.reason) == (Answer.GO, Reason.ALLOWED)


@pytest.mark.parametrize(
    ("changes", "answer", "reason"),
    [
        ({"releases": ()}, Answer.ESCALATE, Reason.NO_RELEASE),
        ({"armed": False}, Answer.ASK, Reason.NOT_ARMED),
        ({"within": 1800.0}, Answer.ESCALATE, Reason.OUTSIDE_WATCH),
        ({"alert_began": NOW - 2 * HOUR}, Answer.ESCALATE, Reason.BEFORE_DEPLOY),
        ({"alert_began": BAD_ONE.deployed_at}, Answer.ESCALATE, Reason.BEFORE_DEPLOY),
        ({"healthy_before": False}, Answer.ESCALATE, Reason.UNHEALTHY_BEFORE),
        ({"healthy_before": None}, Answer.ASK, Reason.NO_DATA),
        ({"enough_traffic": False}, Answer.ASK, Reason.NO_DATA),
        ({"enough_traffic": None}, Answer.ASK, Reason.NO_DATA),
        ({"failing_elsewhere": True}, Answer.ESCALATE, Reason.FAILING_ELSEWHERE),
        ({"failing_elsewhere": None}, Answer.ASK, Reason.NO_DATA),
        ({"dependency": "PostgresDown"}, Answer.WAIT, Reason.DEPENDENCY_OPEN),
        ({"soak": 20 * HOUR}, Answer.ESCALATE, Reason.NO_KNOWN_GOOD),
        ({"wanted": "v7"}, Answer.ESCALATE, Reason.NO_KNOWN_GOOD),
        ({"wanted": "v2"}, Answer.ESCALATE, Reason.NO_KNOWN_GOOD),
        ({"releases": a_ledger(GOOD, a_release("v2"))}, Answer.ASK, Reason.SCHEMA_INCOMPATIBLE),
        (
            {"releases": a_ledger(GOOD, a_release("v2", compatible_down_to="v2"))},
            Answer.ASK,
            Reason.SCHEMA_INCOMPATIBLE,
        ),
        (
            {"releases": a_ledger(GOOD, BAD_ONE, flying())},
            Answer.WAIT,
            Reason.DEPLOY_IN_FLIGHT,
        ),
        ({"attempts": (Attempt(2, NOW - 5),)}, Answer.ESCALATE, Reason.ALREADY_ROLLED_BACK),
        (
            {"releases": a_ledger(GOOD, replace(BAD_ONE, rollback=True))},
            Answer.ESCALATE,
            Reason.ROLLBACK_OF_ROLLBACK,
        ),
        (
            {"attempts": (Attempt(8, NOW - 5 * HOUR), Attempt(9, NOW - 9 * HOUR))},
            Answer.ESCALATE,
            Reason.ROLLBACK_BUDGET,
        ),
    ],
)
def test_every_no_has_its_reason(changes: dict[str, Any], answer: Answer, reason: Reason) -> None:
    decision = may_roll_back(facts(**changes))
    assert (decision.answer, decision.reason) == (answer, reason)


def test_a_quarantined_version_is_no_way_back_also_when_it_is_asked_for() -> None:
    bad = replace(GOOD, state=ReleaseState.QUARANTINED)
    for wanted in (None, "v1"):
        decision = may_roll_back(facts(releases=a_ledger(bad, BAD_ONE), wanted=wanted))
        assert decision.reason is Reason.NO_KNOWN_GOOD


def test_the_version_that_is_asked_for_is_gone_back_to() -> None:
    ledger = a_ledger(a_release("v0", hours_ago=20), GOOD, BAD_ONE)
    asked = facts(releases=ledger, wanted="v0")
    assert asked.goes_to == ledger[0]
    assert facts(releases=ledger).goes_to == ledger[1]


def test_a_rollback_of_yesterday_is_no_longer_in_the_budget() -> None:
    old = (Attempt(8, NOW - 25 * HOUR), Attempt(9, NOW - 26 * HOUR))
    assert may_roll_back(facts(attempts=old)).answer is Answer.GO


def test_an_approval_answers_what_asks() -> None:
    asks = facts(armed=False, healthy_before=None, failing_elsewhere=None, approved=True)
    assert may_roll_back(asks).answer is Answer.GO


def test_an_approval_does_not_answer_what_refuses() -> None:
    refused = facts(approved=True, dependency="PostgresDown")
    assert may_roll_back(refused).reason is Reason.DEPENDENCY_OPEN


def test_nobody_is_asked_about_what_would_be_refused() -> None:
    both = facts(armed=False, failing_elsewhere=True)
    assert may_roll_back(both).reason is Reason.FAILING_ELSEWHERE


def test_of_two_refusals_the_first_of_the_table_decides() -> None:
    both = facts(failing_elsewhere=True, attempts=(Attempt(2, NOW - 5),))
    assert may_roll_back(both).reason is Reason.FAILING_ELSEWHERE


def test_where_no_alert_asks_an_operator_vouches_for_when_it_began() -> None:
    assert may_roll_back(facts(alert_began=None)).answer is Answer.GO


def test_a_human_has_to_look_first_at_what_was_frozen() -> None:
    shut = a_ledger(GOOD, replace(BAD_ONE, frozen_at=NOW))
    assert may_roll_back(facts(releases=shut)).reason is Reason.FROZEN
    assert may_roll_back(by_hand(facts(releases=shut))).answer is Answer.GO


@pytest.mark.parametrize(
    "changes",
    [
        {"armed": False},
        {"within": 60.0},
        {"alert_began": NOW - 9 * HOUR},
        {"healthy_before": False},
        {"enough_traffic": None},
        {"failing_elsewhere": True},
        {"dependency": "PostgresDown"},
        {"releases": a_ledger(GOOD, a_release("v2"))},
        {"attempts": (Attempt(2, NOW - 5),) * 9},
    ],
)
def test_an_operator_vouches_for_what_only_he_can_know(changes: dict[str, Any]) -> None:
    assert may_roll_back(by_hand(facts(**changes))).answer is Answer.GO


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"releases": ()}, Reason.NO_RELEASE),
        ({"soak": 20 * HOUR}, Reason.NO_KNOWN_GOOD),
        ({"wanted": "v7"}, Reason.NO_KNOWN_GOOD),
        ({"releases": a_ledger(GOOD, BAD_ONE, flying())}, Reason.DEPLOY_IN_FLIGHT),
        (
            {"releases": a_ledger(GOOD, replace(BAD_ONE, rollback=True))},
            Reason.ROLLBACK_OF_ROLLBACK,
        ),
    ],
)
def test_for_the_rest_nobody_can_vouch(changes: dict[str, Any], reason: Reason) -> None:
    assert may_roll_back(by_hand(facts(**changes))).reason is reason


unsure = st.sampled_from([True, False, None])


@given(unsure, unsure, unsure, st.booleans(), st.sampled_from([None, "PostgresDown"]))
def test_it_never_goes_by_itself_without_being_armed_and_seeing_everything(
    healthy: bool | None,
    traffic: bool | None,
    elsewhere: bool | None,
    armed: bool,
    dependency: str | None,
) -> None:
    asked = facts(
        healthy_before=healthy,
        enough_traffic=traffic,
        failing_elsewhere=elsewhere,
        armed=armed,
        dependency=dependency,
    )
    wanted = (True, True, False, True, None)
    goes = may_roll_back(asked).answer is Answer.GO
    assert goes is ((healthy, traffic, elsewhere, armed, dependency) == wanted)


@given(st.permutations([0, 1, 2, 3]), st.sampled_from(ReleaseState))
def test_where_it_goes_is_never_bad_and_never_where_it_is(
    order: list[int], state: ReleaseState
) -> None:
    made = [a_release(f"v{n}", hours_ago=20 - n) for n in order]
    ledger = a_ledger(replace(made[0], state=state), *made[1:])
    goes_to, serving = facts(releases=ledger).goes_to, current(ledger)
    assert serving is not None
    assert goes_to is None or goes_to.version not in {*bad_versions(ledger), serving.version}
