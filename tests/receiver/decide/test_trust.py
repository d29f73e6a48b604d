"""How far a rung may go: what the config says, what was granted, and what it has shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.plan import LADDER_OF_MODES, Mode, Playbook, Rung, strictest
from receiver.decide.trust import (
    WHOLE,
    Grant,
    NotGranted,
    Stance,
    Tally,
    TrustRule,
    Word,
    demoted,
    helps,
    mode_of,
    promoted,
    stance,
    stance_today,
)
from tests.receiver.builders import NOW, a_playbook, a_rung

SHADOW, APPROVE, AUTO = LADDER_OF_MODES
WORD = Word("ops", "it has earned it", NOW)
modes = st.sampled_from(LADDER_OF_MODES)


def a_grant(mode: Mode, *, step: str = WHOLE, likeness: str = "same", at: float = NOW) -> Grant:
    return Grant("repair", step, mode, likeness if step == WHOLE else "", "ops", "why", at)


def a_stance(
    ceiling: Mode = AUTO, book: Mode = SHADOW, rung: Mode | None = None, *, step: str = "restart"
) -> Stance:
    return Stance(ceiling, book, rung, "repair", step, "same")


def test_without_a_grant_the_config_says_it() -> None:
    assert mode_of(a_stance(AUTO, APPROVE), ()) is APPROVE


def test_a_grant_lifts_the_playbook_above_where_it_begins() -> None:
    assert mode_of(a_stance(AUTO, SHADOW), [a_grant(AUTO)]) is AUTO


def test_a_grant_never_lifts_above_the_receivers_own_mode() -> None:
    assert mode_of(a_stance(APPROVE, SHADOW), [a_grant(AUTO)]) is APPROVE


def test_a_grant_never_lifts_a_rung_above_what_the_config_says_of_it() -> None:
    assert mode_of(a_stance(AUTO, SHADOW, APPROVE), [a_grant(AUTO)]) is APPROVE


def test_a_playbook_that_was_changed_begins_as_the_config_says_again() -> None:
    assert mode_of(a_stance(AUTO, SHADOW), [a_grant(AUTO, likeness="other")]) is SHADOW


def test_what_was_taken_from_a_playbook_stays_taken_when_it_is_changed() -> None:
    assert mode_of(a_stance(AUTO, AUTO), [a_grant(SHADOW, likeness="other")]) is SHADOW


def test_what_was_taken_from_a_rung_stays_taken_whatever_its_playbook_is_granted() -> None:
    taken = a_grant(APPROVE, step="restart")
    assert mode_of(a_stance(AUTO, AUTO), [taken, a_grant(AUTO)]) is APPROVE
    assert mode_of(a_stance(AUTO, AUTO, step="other"), [taken]) is AUTO


def test_nothing_is_granted_to_what_has_no_playbook() -> None:
    by_hand = Stance(AUTO, AUTO)
    assert mode_of(by_hand, [Grant("", WHOLE, SHADOW, "", "x", "y", NOW)]) is AUTO


@given(
    ceiling=modes, book=modes, rung=st.none() | modes, whole=st.none() | modes, step=st.none() | modes,
    same=st.booleans(),
)  # fmt: skip
def test_no_grant_passes_a_ceiling_and_a_rungs_grant_only_takes_away(
    *,
    ceiling: Mode,
    book: Mode,
    rung: Mode | None,
    whole: Mode | None,
    step: Mode | None,
    same: bool,
) -> None:
    grants = [] if whole is None else [a_grant(whole, likeness="same" if same else "other")]
    asked = a_stance(ceiling, book, rung)
    without = mode_of(asked, grants)
    held = mode_of(asked, grants if step is None else [*grants, a_grant(step, step="restart")])
    assert strictest(held, ceiling, rung, step) is held
    assert strictest(held, without) is held
    if not same or whole is None:
        assert strictest(held, book) is held


def _climb(asked: Stance, grants: Sequence[Grant] = ()) -> list[Mode]:
    seen, known = [mode_of(asked, grants)], list(grants)
    while seen[-1] is not AUTO:
        known = [promoted(asked, known, None, WORD)]
        seen.append(mode_of(asked, known))
    return seen


def test_it_is_promoted_one_step_at_a_time() -> None:
    assert _climb(a_stance(AUTO, SHADOW, step=WHOLE)) == [SHADOW, APPROVE, AUTO]


@pytest.mark.parametrize(
    ("asked", "grants", "to", "says"),
    [
        (a_stance(AUTO, AUTO, step=WHOLE), [], None, "auto already"),
        (a_stance(AUTO, SHADOW, step=WHOLE), [], AUTO, "one step at a time"),
        (a_stance(APPROVE, SHADOW, step=WHOLE), [a_grant(APPROVE)], None, "own `mode` is approve"),
        (a_stance(AUTO, AUTO, APPROVE), [], None, "config says `mode: approve` of restart"),
        (a_stance(AUTO, APPROVE), [a_grant(APPROVE, step="restart")], None, "promote it first"),
    ],
)
def test_what_stands_in_the_way_of_a_promotion_is_said(
    asked: Stance, grants: list[Grant], to: Mode | None, says: str
) -> None:
    with pytest.raises(NotGranted, match=says):
        promoted(asked, grants, to, WORD)


def test_a_second_click_does_not_promote_twice() -> None:
    asked = a_stance(AUTO, SHADOW, step=WHOLE)
    first = promoted(asked, (), APPROVE, WORD)
    with pytest.raises(NotGranted, match="promoted to auto"):
        promoted(asked, [first], APPROVE, WORD)


def test_a_demoted_rung_is_trusted_again_by_a_promotion_of_its_own() -> None:
    taken = a_grant(APPROVE, step="restart")
    again = promoted(a_stance(AUTO, AUTO), [taken], None, WORD)
    assert (again.step, again.mode, again.by) == ("restart", AUTO, "ops")


def test_a_demotion_takes_one_step_or_as_many_as_are_said() -> None:
    asked = a_stance(AUTO, AUTO, step=WHOLE)
    assert demoted(asked, (), None, WORD).mode is APPROVE
    assert demoted(asked, (), SHADOW, WORD).mode is SHADOW


@pytest.mark.parametrize(("book", "to"), [(SHADOW, APPROVE), (APPROVE, AUTO), (AUTO, AUTO)])
def test_a_demotion_to_no_less_is_refused(book: Mode, to: Mode) -> None:
    with pytest.raises(NotGranted, match="is no less"):
        demoted(a_stance(AUTO, book, step=WHOLE), (), to, WORD)


@pytest.mark.parametrize("step", [WHOLE, "restart"])
@pytest.mark.parametrize(("book", "to"), [(SHADOW, None), (SHADOW, SHADOW), (APPROVE, APPROVE)])
def test_what_the_config_keeps_back_today_can_be_taken_for_good_once(
    book: Mode, to: Mode | None, step: str
) -> None:
    taken = demoted(a_stance(AUTO, book, step=step), (), to, WORD)
    assert (taken.step, taken.mode) == (step, book)
    assert mode_of(a_stance(AUTO, AUTO, step="restart"), [taken]) is book
    with pytest.raises(NotGranted, match=f"{book} already, by ops"):
        demoted(a_stance(AUTO, book, step=step), [taken], book, WORD)


def test_a_demotion_replaces_a_grant_that_an_edit_has_outdated() -> None:
    asked, old = a_stance(AUTO, SHADOW, step=WHOLE), a_grant(AUTO, likeness="other")
    assert demoted(asked, [old], None, WORD).mode is SHADOW


@given(old=modes, new=modes, whole=st.none() | modes, same=st.booleans())
def test_an_older_plan_and_todays_config_are_both_kept(
    *, old: Mode, new: Mode, whole: Mode | None, same: bool
) -> None:
    grants = [] if whole is None else [a_grant(whole, likeness="same" if same else "new")]
    kept, today = a_stance(AUTO, old), replace(a_stance(AUTO, new), likeness="new")
    both = mode_of(replace(kept, today=today), grants)
    assert both is strictest(mode_of(kept, grants), mode_of(today, grants))


def test_what_the_config_knows_no_more_has_to_ask() -> None:
    book = a_playbook(mode="auto")
    assert mode_of(stance_today(AUTO, [], "repair", WHOLE), ()) is APPROVE
    assert mode_of(stance_today(AUTO, [], "repair", "restart"), ()) is APPROVE
    assert mode_of(stance_today(AUTO, [book], "repair", "gone"), ()) is APPROVE
    assert mode_of(stance_today(SHADOW, [book], "repair", "gone"), ()) is SHADOW
    shadow = stance_today(AUTO, [a_playbook(mode="shadow")], "repair", "gone")
    assert mode_of(shadow, ()) is SHADOW


LADDER = [{"name": "first", "action": "gc"}, {"name": "second", "action": "restart"}]


def renamed(**changes: object) -> Playbook:
    return a_playbook(mode="auto", ladder=[{**LADDER[0], "name": "other", **changes}, LADDER[1]])


def test_what_was_taken_from_a_rung_stays_taken_under_another_name() -> None:
    book = a_playbook(mode="auto", ladder=LADDER)
    taken = demoted(stance(AUTO, book, book.ladder[0]), (), None, WORD)
    for now, mode in (
        (renamed(), APPROVE),
        (renamed(timeout="61s"), APPROVE),
        (renamed(action="restart"), AUTO),
        (a_playbook(mode="auto", ladder=[LADDER[1], {**LADDER[0], "name": "other"}]), AUTO),
    ):
        asked = next(stance(AUTO, now, one) for one in now.ladder if one.name == "other")
        assert mode_of(asked, [taken]) is mode
        assert mode_of(stance(AUTO, now, rung_of(now, "second")), [taken]) is AUTO
    asked = stance(AUTO, renamed(), rung_of(renamed(), "other"))
    again = promoted(asked, [taken], None, WORD)
    assert (again.step, mode_of(asked, [taken, again])) == ("other", AUTO)


def rung_of(book: Playbook, name: str) -> Rung:
    return next(one for one in book.ladder if one.name == name)


def a_tally(helped: int = 0, in_vain: int = 0, returned: int = 0, unseen: int = 0) -> Tally:
    return Tally("repair", "restart", helped, returned, in_vain, 0, unseen)


@pytest.mark.parametrize(
    ("seen", "goes_on"),
    [
        (a_tally(), True),
        (a_tally(0, 4), True),  # too few to say
        (a_tally(0, 5), False),
        (a_tally(2, 3), False),
        (a_tally(3, 3), True),  # just enough
        (a_tally(5, 0, returned=6), False),  # it did not last
        (a_tally(0, 4, unseen=90), True),  # what nobody saw says nothing
    ],
)
def test_a_rung_goes_on_unless_enough_runs_say_that_it_does_not_help(
    seen: Tally, *, goes_on: bool
) -> None:
    assert helps(seen, TrustRule()) is goes_on


@given(helped=st.integers(0, 50), bad=st.integers(0, 50), rule=st.builds(
    TrustRule, min_runs=st.integers(1, 20), min_success=st.floats(0, 1)))  # fmt: skip
def test_helping_once_more_never_costs_trust_and_failing_never_earns_it(
    helped: int, bad: int, rule: TrustRule
) -> None:
    if helps(a_tally(helped, bad), rule) and helped + bad >= rule.min_runs:
        assert helps(a_tally(helped + 1, bad), rule)
    if not helps(a_tally(helped, bad), rule):
        assert not helps(a_tally(helped, bad + 1), rule)


def test_the_rule_can_be_switched_off() -> None:
    assert helps(a_tally(0, 100), TrustRule(min_success=0))


def test_what_it_may_do_makes_it_another_playbook_and_whom_it_tells_does_not() -> None:
    same = a_playbook(notify=["ops"], escalate="oncall")
    assert same.likeness == a_playbook().likeness
    for other in (
        a_playbook(mode="auto"),
        a_playbook(ladder=[a_rung(timeout="61s")]),
        a_playbook(verify={"within": "1s"}),
        a_playbook(matchers=['alertname="Other"']),
    ):
        assert other.likeness != a_playbook().likeness


def test_the_plan_that_an_incident_keeps_is_the_same_playbook() -> None:
    book = a_playbook(mode="approve", ladder=[a_rung(mode="approve", up_for="3s")])
    kept = Playbook.model_validate(book.snapshot)
    assert stance(AUTO, kept, kept.ladder[0]) == stance(AUTO, book, book.ladder[0])
