"""When it is a storm, and what it holds back."""

from __future__ import annotations

from dataclasses import replace

from receiver.decide.guards import Answer, Freeze, Rate, by_hand, decide, storm
from receiver.decide.reason import Reason
from tests.receiver.builders import NOW, the_facts

RATE = Rate(100, 300.0)
BLOWS = replace(the_facts(), frozen=(Freeze("storm", NOW + 60),))


def test_too_few_incidents_are_no_storm() -> None:
    assert storm(None, RATE, NOW) is None


def test_as_many_as_that_over_a_longer_time_are_no_storm() -> None:
    assert storm(NOW - 300, RATE, NOW) is None


def test_a_storm_lasts_until_its_incidents_have_left_the_window() -> None:
    assert storm(NOW - 100, RATE, NOW) == Freeze("storm", NOW + 200)


def test_nothing_is_begun_in_a_storm() -> None:
    decision = decide(BLOWS)
    assert (decision.answer, decision.reason, decision.until) == (
        *(Answer.WAIT, Reason.STORM, NOW + 60),
    )


def test_a_storm_that_is_over_holds_nothing_back() -> None:
    assert decide(replace(BLOWS, now=NOW + 60, last_seen=NOW + 60)).answer is Answer.GO


def test_whoever_repairs_by_hand_knows_of_the_storm() -> None:
    assert decide(by_hand(BLOWS)).answer is Answer.GO


def test_what_else_is_frozen_holds_back_a_hand_too() -> None:
    frozen = (*BLOWS.frozen, Freeze("global", NOW + 9))
    assert decide(by_hand(replace(BLOWS, frozen=frozen))).reason is Reason.FROZEN
