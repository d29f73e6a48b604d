"""An incident that was healed, and its alert that comes back; and which ends mean that a repair was in vain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.incident import MANUAL, IllegalMove, Incident, State, ineffective
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from tests.receiver.builders import NOW, an_incident

WINDOW = 600.0


def healed(*, acted: bool = True, reason: Reason = Reason.RECOVERED, rung: int = 0) -> Incident:
    before = changed(an_incident(state=State.HEALED_HOLD), rung=rung, acknowledged_by="eve")
    return before.moved(State.RESOLVED, reason, NOW, acted=acted, refused=("cooldown",), level=2)


def test_what_was_repaired_and_is_back_within_the_window_was_not_repaired() -> None:
    assert healed().undone_by(NOW + WINDOW, WINDOW)


def test_what_is_back_later_is_another_problem() -> None:
    assert not healed().undone_by(NOW + WINDOW + 0.1, WINDOW)


def test_what_ended_without_an_action_begins_anew() -> None:
    assert not healed(acted=False).undone_by(NOW + 1, WINDOW)


@pytest.mark.parametrize("reason", [Reason.RESOLVED, Reason.OPERATOR])
def test_what_was_not_proven_healed_begins_anew(reason: Reason) -> None:
    assert not healed(reason=reason).undone_by(NOW + 1, WINDOW)


@pytest.mark.parametrize("state", sorted(set(State) - {State.RESOLVED}))
def test_only_what_was_resolved_can_come_back(state: State) -> None:
    assert not changed(healed(), state=state).undone_by(NOW + 1, WINDOW)
    with pytest.raises(IllegalMove):
        an_incident(state=state).reopened("f1@2", NOW)


@given(rung=st.integers(0, 5), attempt=st.integers(1, 5))
def test_i1_the_rung_is_kept_and_its_next_run_has_a_name_of_its_own(
    rung: int, attempt: int
) -> None:
    back = changed(healed(rung=rung), attempt=attempt).reopened("f1@2", NOW + 5)
    assert (back.state, back.rung, back.attempt) == (State.OPEN, rung, attempt + 1)
    assert (back.episode, back.tries) == ("f1@2", 1)


def test_everything_that_was_asked_and_told_counts_anew() -> None:
    back = healed().reopened("f1@2", NOW + 5)
    assert (back.resolved_at, back.acknowledged_by) == (None, None)
    assert (back.progress.acted, back.progress.refused, back.progress.level) == (False, (), 0)


def test_the_first_opening_is_remembered_and_the_present_stretch_is_measured() -> None:
    back = healed().reopened("f1@2", NOW + 5)
    assert (back.opened_at, back.begun_at) == (NOW, NOW + 5)
    assert an_incident().begun_at == NOW


def test_how_often_it_came_back_is_counted() -> None:
    twice = changed(healed().reopened("f1@2", NOW + 5), state=State.RESOLVED)
    assert twice.reopened("f1@3", NOW + 9).progress.returns == 2


def called(before: Incident) -> Incident:
    return before.moved(State.ESCALATED, Reason.RUNGS_EXHAUSTED, NOW)


def acted_on(state: State = State.NEXT_RUNG, *, acted: bool = True) -> Incident:
    before = an_incident(state=state)
    return changed(before, progress=changed(before.progress, acted=acted))


def test_a_human_called_to_what_was_acted_on_means_that_it_did_not_help() -> None:
    assert ineffective(acted_on(), called(acted_on()))


def test_what_was_never_touched_says_nothing_about_its_playbook() -> None:
    before = acted_on(State.GATING, acted=False)
    assert not ineffective(before, called(before))


def test_a_human_who_is_called_again_is_not_another_failure() -> None:
    before = acted_on(State.ESCALATED)
    assert not ineffective(before, changed(before, progress=changed(before.progress, level=1)))


def test_what_an_operator_asked_for_is_not_a_playbooks_failure() -> None:
    before = changed(acted_on(), key=f"{MANUAL}1")
    assert not ineffective(before, called(before))
