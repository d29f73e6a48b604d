"""The checker itself: that it is content with what is right, and finds each kind of wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.proof.evidence import Accepted, Effect, HandsOff, Message, Terms
from tests.proof.invariants import INVARIANTS
from tests.proof.tales import Tale, a_repair

WEB = frozenset({"api", "worker", "web"})
NONE_HEALED = Terms(channels=frozenset({"ops"}))


def finds(number: str, tale: Tale, terms: Terms | None = None) -> bool:
    """Whether that, and nothing else, is what is wrong."""
    return {one.partition(":")[0] for one in tale.wrong(terms)} == {number}


def test_a_repair_that_is_right_has_nothing_against_it() -> None:
    assert a_repair().wrong() == []


def test_every_invariant_that_leaves_evidence_is_asked() -> None:
    numbers = {int(one.__name__.partition("_")[0].removeprefix("i")) for one in INVARIANTS}
    assert numbers == {*range(1, 19)} - {4, 17}


def test_i1_an_effect_that_happened_twice_is_found() -> None:
    assert finds("I1", Tale().opens().permits().does(takes=0.1).does(after=0.3).ends())


def test_i1_a_permission_given_twice_is_found() -> None:
    tale = Tale().opens().permits().ends(result="failed", reason="not_started")
    assert "I1: a-1 was permitted twice" in tale.permits().ends(result="failed").wrong()


def test_i1_a_second_attempt_at_what_was_done_is_found() -> None:
    assert finds("I1", Tale().opens().acts("a-1").judges("still_broken").acts("a-2"))


def test_i1_a_second_attempt_at_what_never_began_is_right() -> None:
    tale = Tale().opens().permits().ends(result="failed", reason="not_started")
    assert tale.acts("a-2").judges().wrong() == []


def test_i1_a_second_look_at_an_unknown_outcome_permits_what_may_be_repeated_only() -> None:
    tale = Tale().opens().permits().does().ends(result="unknown").judges("still_broken")
    again = tale.acts("a-2").judges()
    assert finds("I1", again)
    assert again.wrong(Terms(repeatable=frozenset({"run"}))) == []


def test_i1_what_was_called_off_half_way_is_repeated_after_a_look_if_it_may_be() -> None:
    tale = Tale().opens().permits().does().ends(result="cancelled", reason="resolved")
    again = tale.hears("acted").judges("still_broken").acts("a-2").judges()
    assert finds("I1", again)
    assert again.wrong(Terms(repeatable=frozenset({"run"}))) == []


def test_i5_what_was_called_off_half_way_is_looked_at_before_anything_else() -> None:
    tale = Tale().opens().permits().does().ends(result="cancelled", reason="resolved")
    assert finds("I5", tale.permits("a-2", step="second").does("a-2").ends("a-2"))


def test_i2_two_effects_at_once_on_a_target_are_found() -> None:
    tale = Tale().opens().permits().does(takes=9.0).ends().judges("still_broken")
    tale = tale.permits("a-2", step="second").does("a-2").ends("a-2")
    assert finds("I2", tale, Terms(disruptive_at_once=2))


def test_i2_a_permission_while_another_holds_the_target_is_found() -> None:
    tale = Tale().opens().opens(2).permits().permits("b-1", incident=2)
    assert finds("I2", tale.ends().ends("b-1", incident=2))


def test_i3_an_action_more_than_the_target_may_have_is_found() -> None:
    tale = Tale()
    for number in range(4):
        tale.opens(number).acts(f"{number}-1", incident=number)
    assert finds("I3", tale, Terms(per_target=(3, 60.0)))
    assert tale.wrong(Terms(per_target=(3, 4.0))) == []


def test_i3_an_action_more_than_is_allowed_in_all_is_found() -> None:
    tale = Tale()
    for number in range(4):
        tale.opens(number).acts(f"{number}-1", incident=number, target=f"t{number}")
    assert finds("I3", tale, Terms(everywhere=(3, 60.0)))


def test_i3_what_never_began_does_not_count() -> None:
    tale = Tale().opens()
    for number in range(4):
        tale.permits(f"a-{number}").ends(f"a-{number}", "cancelled", "stop_file")
    assert tale.wrong() == []


def test_i3_two_disruptive_actions_at_once_are_found() -> None:
    tale = Tale().opens().opens(2).permits().permits("b-1", incident=2, target="web")
    tale.does().does("b-1", target="web").ends().ends("b-1", incident=2)
    assert finds("I3", tale)
    assert tale.wrong(Terms(gentle=frozenset({"run"}))) == []


def test_i3_a_second_page_for_one_freeze_is_found() -> None:
    tale = Tale().tells("frozen", scope="global", until=9.0).hears("frozen")
    assert tale.wrong() == []
    assert finds("I3", tale.hears("frozen", dedup="other"))


@pytest.mark.parametrize("result", ["unknown", "timeout"])
def test_i5_the_next_rung_before_anybody_looked_is_found(result: str) -> None:
    tale = Tale().opens().permits().does().ends(result=result)
    assert finds("I5", tale.permits("a-2", step="second").does("a-2").ends("a-2"))


def test_i6_an_effect_without_an_intent_is_found() -> None:
    assert finds("I6", a_repair().does("b-1"))


def test_i6_an_effect_before_its_intent_is_found() -> None:
    assert finds("I6", Tale().opens().does().permits().ends())


def test_i6_an_effect_of_something_else_is_found() -> None:
    assert finds("I6", Tale().opens().permits().does(target="web").ends())


def test_i6_an_effect_that_the_journal_says_never_began_is_found() -> None:
    assert finds("I6", Tale().opens().permits().does().ends(result="cancelled"))


def test_i6_an_intent_without_an_outcome_is_found_once_all_is_at_rest() -> None:
    tale = Tale().opens().permits().does()
    assert finds("I6", tale)
    assert tale.wrong(Terms(at_rest=False)) == []


def test_i6_an_outcome_without_an_intent_or_a_second_one_is_found() -> None:
    assert finds("I6", Tale().opens().ends())
    assert finds("I6", Tale().opens().permits().does().ends().ends())


def test_i6_a_row_that_was_changed_or_taken_out_is_found() -> None:
    changed, cut = a_repair(), a_repair()
    changed.lines[1] = json.dumps({**json.loads(changed.lines[1]), "targets": ["web"]})
    del cut.lines[0]
    assert finds("I6", changed)
    assert finds("I6", cut)


def test_i7_an_acknowledged_alert_that_is_not_in_the_journal_is_found() -> None:
    acknowledged = Terms(accepted=[Accepted("f9", "firing", 202)])
    assert finds("I7", a_repair(), acknowledged)
    assert a_repair().wrong(Terms(accepted=[Accepted("f9", "firing", 503)])) == []


def test_i7_an_overload_answered_with_429_is_found() -> None:
    assert finds("I7", a_repair(), Terms(accepted=[Accepted("f1", "firing", 429)]))


def test_i8_a_message_that_the_journal_calls_told_and_nobody_got_is_found() -> None:
    assert finds("I8", a_repair().tells("notified", incident=1, channel="ops", dedup="lost"))


def test_i8_one_key_for_two_messages_is_found() -> None:
    tale = Tale().opens().hears("acted", dedup="k", text="one")
    assert finds("I8", tale.hears("acted", dedup="k", text="other"))


def test_i8_the_same_message_twice_is_at_least_once() -> None:
    assert Tale().opens().hears("acted").hears("acted").wrong() == []


def test_i8_a_message_that_overtook_an_older_one_is_found() -> None:
    tale = Tale().opens().hears("acted").tells("paused").hears("blocked")
    tale.messages.reverse()
    assert finds("I8", tale)
    assert tale.wrong(Terms(steady=False)) == []


def test_i8_what_comes_back_is_told_as_opened_once_more() -> None:
    tale = Tale().opens().hears("opened").closes("resolved").hears("resolved")
    tale = tale.tells("reopened", incident=1).acts().hears("opened", dedup="1-opened-again1")
    assert not any("came after" in wrong for wrong in tale.wrong())


def test_i8_what_was_opened_after_all_else_is_found_whatever_the_clock() -> None:
    tale = Tale().opens().hears("resolved").hears("opened")
    assert finds("I8", tale, Terms(steady=False))


def test_i8_a_change_that_nobody_was_told_of_is_found_once_all_is_at_rest() -> None:
    tale = Tale().opens().tells("escalated", incident=1)
    assert finds("I8", tale, NONE_HEALED)
    assert tale.wrong(replace(NONE_HEALED, at_rest=False)) == []
    assert tale.hears("escalated").wrong(NONE_HEALED) == []


def test_i8_a_second_healing_needs_a_second_message() -> None:
    tale = Tale().opens().judges().hears("healed").judges()
    assert finds("I8", tale, NONE_HEALED)


def test_i9_an_action_of_an_incident_that_is_over_is_found() -> None:
    assert finds("I9", Tale().opens().closes("resolved").acts())
    assert Tale().opens().closes("resolved").tells("reopened", incident=1).acts().wrong() == []


def test_i9_an_action_on_what_was_to_be_left_alone_is_found() -> None:
    tale = a_repair()
    during = HandsOff(tale.effects[0].began - 0.1, tale.now, "silenced", "api")
    assert finds("I9", tale, Terms(hands_off=[during]))
    assert tale.wrong(Terms(hands_off=[replace(during, target="web")])) == []


def test_i10_an_effect_more_than_a_second_after_a_pause_is_found() -> None:
    assert finds("I10", Tale().opens().permits().tells("paused").does(after=1.1).ends(after=2.0))
    assert Tale().opens().permits().tells("paused").does(after=0.9).ends().wrong() == []


def test_i10_a_permission_given_in_a_pause_is_found_whatever_the_clock() -> None:
    tale = Tale().opens().tells("paused").acts(after=0.1)
    assert finds("I10", tale)
    assert finds("I10", tale, Terms(steady=False))


def test_i10_an_effect_after_the_pause_was_over_is_right() -> None:
    tale = Tale().tells("paused").tells("paused", after=9.0).opens().tells("resumed")
    assert tale.acts().wrong() == []


def test_i10_an_effect_under_the_stop_file_is_found() -> None:
    stop = HandsOff(0.0, 200.0, "stop file", invariant="I10")
    assert finds("I10", a_repair(), Terms(hands_off=[stop]))


def test_i11_an_action_while_much_of_its_group_is_sick_is_found() -> None:
    tale = Tale().opens(1, ("api",)).opens(2, ("worker",)).acts()
    assert finds("I11", tale, Terms(groups={"web": WEB}))
    assert tale.wrong(Terms(groups={"web": WEB}, max_unhealthy_ratio=0.7)) == []


def test_i11_what_is_over_is_not_sick() -> None:
    tale = Tale().opens(2, ("worker",)).closes("resolved", 2).opens(1, ("api",)).acts()
    assert tale.wrong(Terms(groups={"web": WEB})) == []


@pytest.mark.parametrize("target", ["", "*", "-rf"])
def test_i12_an_empty_starred_or_option_like_target_is_found(target: str) -> None:
    assert set(Tale().opens().acts(target=target).wrong()) == {f"I12: a-1 touched {target!r}"}


def test_i12_a_target_that_the_config_does_not_name_is_found() -> None:
    assert finds("I12", a_repair(), Terms(targets=frozenset({"web"})))


def test_i13_an_alert_that_nobody_answered_is_found() -> None:
    assert finds("I13", Tale().opens().tells("paused", after=11.0))
    assert Tale().opens().tells("refused", after=9.0, incident=1).wrong() == []


def test_i13_the_time_in_which_no_receiver_ran_does_not_count() -> None:
    tale = Tale().opens().tells("refused", after=30.0, incident=1)
    assert finds("I13", tale)
    assert tale.wrong(Terms(away=[(105.0, 128.0)])) == []


def test_i14_a_permission_with_an_older_fence_is_found() -> None:
    assert finds("I14", Tale().opens().acts("a-2", fence=3).permits("a-1", step="b").ends("a-1"))


def test_i14_an_effect_with_another_fence_than_its_permission_is_found() -> None:
    assert finds("I14", Tale().opens().permits(fence=2).does(fence=1).ends())


def test_i14_an_effect_that_began_after_somebody_wrote_its_outcome_is_found() -> None:
    assert finds("I14", Tale().opens().permits().ends(result="unknown").does().judges())


def test_i15_a_closing_as_recovered_without_a_look_is_found() -> None:
    assert finds("I15", Tale().opens().acts().closes("recovered"))
    assert finds("I15", Tale().opens().acts().judges("still_broken").closes("recovered"))
    assert Tale().opens().acts().closes("resolved").wrong() == []


def test_i15_a_word_of_healing_without_a_look_is_found() -> None:
    assert finds("I15", Tale().opens().hears("healed"))


def test_i16_anything_done_or_permitted_in_shadow_is_found() -> None:
    assert finds("I16", a_repair(), Terms(shadow=True))
    assert Tale().opens().tells("refused", incident=1).wrong(Terms(shadow=True)) == []


def test_i18_an_action_on_the_receiver_itself_is_found() -> None:
    assert finds("I18", a_repair(), Terms(own=frozenset({"api"})))


def test_evidence_may_come_in_any_order() -> None:
    tale = a_repair()
    tale.effects.append(Effect("a-1", "api", "run", 1, 50.0))
    assert any(one.startswith("I6") for one in tale.wrong())
    assert tale.messages[0] == Message("ops", 1, "opened", "1-opened", 101.0)


def test_i1_a_moment_of_a_schedule_that_was_begun_twice_is_found() -> None:
    one: dict[str, Any] = {
        "ep": "schedule-1@1",
        "targets": ["db"],
        "by": "schedule heal",
        "tick": 60.0,
    }
    terms = Terms(at_rest=False)
    tale = Tale().tells("opened", incident=1, **one)
    tale.tells("opened", incident=2, **{**one, "targets": ["jobs"]})
    tale.tells("opened", incident=3, **{**one, "tick": 120.0})
    assert tale.wrong(terms) == []
    assert finds("I1", tale.tells("opened", incident=4, **one), terms)


def test_i8_what_a_schedule_did_without_news_is_owed_to_nobody() -> None:
    terms = Terms(channels=frozenset({"ops"}))
    quiet: dict[str, Any] = {"incident": 1, "ep": "schedule-1@1"}
    tale = Tale().tells("opened", targets=["api"], **quiet)
    assert tale.tells("resolved", reason="recovered", **quiet).wrong(terms) != []  # not looked at
    tale = Tale().tells("opened", targets=["api"], **quiet)
    assert tale.tells("resolved", reason="shadow", **quiet).wrong(terms) == []
    assert finds("I8", tale.tells("escalated", reason="rungs_exhausted", **quiet), terms)
