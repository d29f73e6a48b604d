from __future__ import annotations

from dataclasses import replace

import pytest

from receiver.decide.guards import (
    Answer,
    Decision,
    Freeze,
    Limits,
    Rate,
    decide,
)
from receiver.decide.plan import Mode
from receiver.decide.reason import Reason
from tests.receiver.builders import NOW, the_facts

FREE = the_facts()


def refused(reason: Reason, answer: Answer = Answer.WAIT, **facts: object) -> Decision:
    """The decision on FREE facts with these differences; its answer and reason are as said."""
    decision = decide(replace(FREE, **facts))  # type: ignore[arg-type]  # checked by replace
    assert (decision.answer, decision.reason) == (answer, reason)
    return decision


def allowed(**facts: object) -> None:
    decision = decide(replace(FREE, **facts))  # type: ignore[arg-type]  # checked by replace
    assert decision == Decision(Answer.GO, Reason.ALLOWED)


def test_when_nothing_speaks_against_it_it_may_begin() -> None:
    allowed()


@pytest.mark.parametrize("target", ["", "*", "-rf", "--all"])
def test_i12_an_empty_starred_or_option_like_target_is_refused(target: str) -> None:
    refused(Reason.UNKNOWN_TARGET, Answer.ESCALATE, target=target)


def test_i12_an_unknown_target_is_refused() -> None:
    refused(Reason.UNKNOWN_TARGET, Answer.ESCALATE, target_known=False)


def test_i10_the_stop_file_holds_everything_back() -> None:
    refused(Reason.STOP_FILE, stop_file=True)


def test_i10_a_pause_holds_everything_back() -> None:
    refused(Reason.PAUSED, paused=True)


def test_i10_an_approval_does_not_overrule_the_kill_switch() -> None:
    refused(Reason.STOP_FILE, stop_file=True, mode=Mode.APPROVE, approved=True)


def test_i9_what_is_no_longer_firing_is_over() -> None:
    refused(Reason.RESOLVED, Answer.OVER, firing=False)


def test_i9_what_was_last_heard_of_too_long_ago_is_not_acted_on() -> None:
    allowed(last_seen=NOW - 900.0)
    refused(Reason.STALE, last_seen=NOW - 900.1)


def test_i9_max_age_is_configurable() -> None:
    refused(Reason.STALE, last_seen=NOW - 11.0, limits=Limits(max_age=10.0))


def test_i9_a_clock_that_was_set_back_does_not_make_an_alert_stale() -> None:
    allowed(last_seen=NOW + 3600.0)


def test_i9_a_silenced_alert_is_not_repaired() -> None:
    refused(Reason.SILENCED, silenced=True)


def test_i9_an_inhibited_alert_is_not_repaired() -> None:
    refused(Reason.INHIBITED, inhibited=True)


def test_i9_what_people_work_on_is_left_to_them_until_their_window_ends() -> None:
    assert refused(Reason.MAINTENANCE, maintenance=NOW + 60.0).until == NOW + 60.0


def test_i9_nobody_is_called_to_what_people_work_on_already() -> None:
    refused(Reason.MAINTENANCE, maintenance=NOW + 60.0, target_known=False)
    refused(Reason.MAINTENANCE, maintenance=NOW + 60.0, unhealthy=3, group_size=3)


def test_a_repair_waits_for_what_the_target_needs() -> None:
    refused(Reason.DEPENDENCY_OPEN, dependency="PostgresDown")


def test_a_dependency_without_a_name_counts_too() -> None:
    refused(Reason.DEPENDENCY_OPEN, dependency="")


@pytest.mark.parametrize(("sick", "size"), [(2, 3), (3, 3), (3, 5), (9, 20), (20, 20), (41, 100)])
def test_i11_much_of_a_group_sick_at_once_is_a_common_cause(sick: int, size: int) -> None:
    refused(Reason.COMMON_CAUSE, Answer.ESCALATE, unhealthy=sick, group_size=size)


@pytest.mark.parametrize(
    ("sick", "size"), [(1, 3), (2, 5), (8, 20), (40, 100), (1, 1), (2, 2), (0, 0)]
)
def test_i11_a_small_part_of_a_group_or_a_tiny_group_is_none(sick: int, size: int) -> None:
    allowed(unhealthy=sick, group_size=size)


def test_i11_one_sick_target_alone_is_never_a_common_cause() -> None:
    allowed(unhealthy=1, group_size=3, limits=Limits(max_unhealthy_ratio=0.1))


@pytest.mark.parametrize("scope", ["global", "target:api"])
def test_i3_a_frozen_scope_stays_shut_until_its_time(scope: str) -> None:
    decision = refused(Reason.FROZEN, frozen=(Freeze(scope, NOW + 60.0),))
    assert decision.until == NOW + 60.0
    allowed(frozen=(Freeze(scope, NOW),))


def test_i3_a_freeze_of_another_target_is_none_of_ours() -> None:
    allowed(frozen=(Freeze("target:worker", NOW + 60.0), Freeze("target:api2", NOW + 60.0)))


def test_i3_of_two_freezes_the_longer_holds() -> None:
    both = (Freeze("global", NOW + 60.0), Freeze("target:api", NOW + 30.0))
    assert refused(Reason.FROZEN, frozen=both).until == NOW + 60.0


def test_i3_a_freeze_is_not_reported_twice() -> None:
    frozen = (Freeze("target:api", NOW + 60.0),)
    decision = refused(Reason.FROZEN, frozen=frozen, target_runs=(NOW - 3, NOW - 2, NOW - 1))
    assert decision.freeze is None


def test_i3_the_third_action_in_an_hour_is_the_last() -> None:
    allowed(target_runs=(NOW - 20, NOW - 10))
    decision = refused(Reason.LIMIT_TARGET, target_runs=(NOW - 30, NOW - 20, NOW - 10))
    assert decision.freeze == Freeze("target:api", NOW - 30 + 3600)


def test_i3_a_target_thaws_when_the_oldest_action_that_counts_is_an_hour_old() -> None:
    runs = (NOW - 500, NOW - 30, NOW - 20, NOW - 10)
    decision = refused(Reason.LIMIT_TARGET, target_runs=runs)
    assert decision.until == NOW - 30 + 3600
    assert decision.until is not None
    moment = replace(FREE, now=decision.until, last_seen=decision.until, target_runs=runs)
    assert decide(moment).answer is Answer.GO
    earlier = replace(moment, now=decision.until - 0.1)
    assert decide(earlier).reason is Reason.LIMIT_TARGET


def test_i3_what_is_an_hour_old_counts_no_more() -> None:
    allowed(target_runs=(NOW - 3600, NOW - 20, NOW - 10))
    refused(Reason.LIMIT_TARGET, target_runs=(NOW - 3599.9, NOW - 20, NOW - 10))


def test_i3_the_tenth_action_anywhere_is_the_last() -> None:
    runs = tuple(NOW - 100 - n for n in range(10))
    allowed(all_runs=runs[:9])
    decision = refused(Reason.LIMIT_GLOBAL, all_runs=runs)
    assert decision.freeze == Freeze("global", NOW - 109 + 3600)


def test_i3_the_targets_own_limit_is_named_before_the_global_one() -> None:
    runs = tuple(NOW - n for n in range(10))
    refused(Reason.LIMIT_TARGET, target_runs=runs[:3], all_runs=runs)


def test_i3_a_limit_of_nothing_lets_nothing_through() -> None:
    none = Limits(per_target=Rate(0, 60.0))
    assert refused(Reason.LIMIT_TARGET, limits=none).until == NOW + 60.0


def test_i3_runs_that_a_clock_set_back_shows_in_the_future_still_count() -> None:
    refused(Reason.LIMIT_TARGET, target_runs=(NOW + 10, NOW + 20, NOW + 30))


def test_a_playbook_that_acted_just_now_cools_down_first() -> None:
    decision = refused(Reason.COOLDOWN, ladder_acted_at=NOW - 599.0, cooldown=600.0)
    assert decision.until == NOW + 1
    allowed(ladder_acted_at=NOW - 600.0, cooldown=600.0)


def test_without_a_cooldown_it_may_act_at_once() -> None:
    allowed(ladder_acted_at=NOW - 0.1, cooldown=0.0)


def test_i2_a_busy_target_is_left_alone() -> None:
    refused(Reason.TARGET_BUSY, busy_targets=frozenset({"api"}))


def test_i2_even_a_gentle_action_waits_for_a_busy_target() -> None:
    refused(Reason.TARGET_BUSY, busy_targets=frozenset({"api"}), disruptive=False)


def test_i3_one_disruptive_action_at_once() -> None:
    busy = frozenset({"worker"})
    refused(Reason.DISRUPTIVE_BUSY, busy_targets=busy, disruptive_running=1)


def test_i3_a_gentle_action_may_run_beside_a_disruptive_one() -> None:
    allowed(busy_targets=frozenset({"worker"}), disruptive_running=1, disruptive=False)


def test_i3_more_may_be_allowed_at_once() -> None:
    two = Limits(disruptive_at_once=2)
    allowed(limits=two, disruptive_running=1)
    refused(Reason.DISRUPTIVE_BUSY, limits=two, disruptive_running=2)


def test_approve_mode_asks_a_human_and_goes_when_one_said_yes() -> None:
    refused(Reason.APPROVAL_REQUIRED, Answer.ASK, mode=Mode.APPROVE)
    allowed(mode=Mode.APPROVE, approved=True)


def test_i16_shadow_acts_never_not_even_approved() -> None:
    refused(Reason.SHADOW, Answer.SHADOW, mode=Mode.SHADOW)
    refused(Reason.SHADOW, Answer.SHADOW, mode=Mode.SHADOW, approved=True)


def test_a_target_without_what_the_action_works_on_is_a_humans_to_mend() -> None:
    refused(Reason.FACET_MISSING, Answer.ESCALATE, facet=False)


def test_an_unknown_target_is_not_said_to_lack_something() -> None:
    refused(Reason.UNKNOWN_TARGET, Answer.ESCALATE, target_known=False, facet=False)


def test_an_alert_that_comes_and_goes_too_often_is_handed_to_a_human() -> None:
    allowed(episodes=10)
    refused(Reason.FLAPPING, Answer.ESCALATE, episodes=11)
    refused(Reason.FLAPPING, Answer.ESCALATE, episodes=3, limits=Limits(flap=Rate(2, 60.0)))


def test_nobody_is_called_to_a_flapping_alert_that_people_have_silenced() -> None:
    refused(Reason.SILENCED, episodes=11, silenced=True)


WASTED = tuple(NOW - 600.0 * n for n in range(5))


def test_a_playbook_that_did_not_help_so_often_is_stopped() -> None:
    allowed(playbook="repair", ineffective=WASTED[:4])
    decision = refused(Reason.BREAKER_OPEN, playbook="repair", ineffective=WASTED)
    assert decision.freeze == Freeze("playbook:repair", NOW + 3600.0)


def test_what_was_in_vain_before_the_window_is_forgotten() -> None:
    allowed(playbook="repair", ineffective=(NOW - 3600.0, *WASTED[:4]))


def test_a_stopped_playbook_stays_stopped_until_a_window_after_the_last_failure() -> None:
    wasted = tuple(at - 60.0 for at in WASTED)
    decision = refused(Reason.BREAKER_OPEN, playbook="repair", ineffective=wasted)
    assert decision.until == NOW - 60.0 + 3600.0


def test_a_stopped_playbook_needs_no_counter_to_stay_stopped() -> None:
    frozen = (Freeze("playbook:repair", NOW + 1.0),)
    decision = refused(Reason.BREAKER_OPEN, playbook="repair", frozen=frozen)
    assert (decision.until, decision.freeze) == (NOW + 1.0, None)


def test_another_playbook_goes_on() -> None:
    allowed(playbook="other", frozen=(Freeze("playbook:repair", NOW + 1.0),))


def test_the_breakers_limit_is_configurable_and_needs_a_failure() -> None:
    strict = Limits(breaker=Rate(1, 60.0))
    refused(Reason.BREAKER_OPEN, playbook="p", ineffective=(NOW - 59.0,), limits=strict)
    allowed(playbook="p", ineffective=(NOW - 60.0,), limits=Limits(breaker=Rate(0, 60.0)))
