from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.incident import (
    CLOSED,
    MOVES,
    IllegalMove,
    Progress,
    State,
    legal,
)
from receiver.decide.reason import Reason
from receiver.decide.values import changed
from receiver.journal.rows import progress_json, progress_of
from tests.receiver.builders import NOW, an_incident

ILLEGAL = [(a, b) for a, b in itertools.product(State, State) if b not in MOVES[a]]


def reachable(start: State) -> set[State]:
    seen, ahead = {start}, [start]
    while ahead:
        for state in MOVES[ahead.pop()] - seen:
            seen.add(state)
            ahead.append(state)
    return seen


def test_every_state_has_its_line_in_the_table() -> None:
    assert set(MOVES) == set(State)


def test_every_state_is_reached_from_open() -> None:
    assert reachable(State.OPEN) == set(State)


def test_what_is_closed_stays_closed_but_for_a_repair_that_did_not_last() -> None:
    assert {state: MOVES[state] for state in CLOSED} == {
        State.EXPIRED: frozenset(),
        State.RESOLVED: {State.OPEN},
    }


def test_nothing_else_leads_back_to_open() -> None:
    assert {state for state in State if State.OPEN in MOVES[state]} == {State.RESOLVED}


@pytest.mark.parametrize("state", sorted(set(State) - CLOSED))
def test_every_open_state_can_end(state: State) -> None:
    assert State.RESOLVED in reachable(state)
    assert State.ESCALATED in reachable(state) or state is State.ACKNOWLEDGED


def test_only_what_waits_or_is_looked_at_may_expire() -> None:
    assert {state for state in State if State.EXPIRED in MOVES[state]} == {
        *(State.OPEN, State.HOLD, State.GATING, State.BLOCKED, State.AWAITING_APPROVAL),
        *(State.SHADOW, State.CANCELLED, State.HEALED_HOLD, State.ESCALATED, State.ACKNOWLEDGED),
    }


def test_an_effect_begins_only_behind_the_guards() -> None:
    assert {state for state in State if State.RUNNING in MOVES[state]} == {State.GATING}


def test_i15_nothing_is_healed_without_a_look() -> None:
    assert {state for state in State if State.HEALED_HOLD in MOVES[state]} == {
        State.VERIFYING,
        State.DECAYING,
    }


def test_i5_an_interrupted_action_is_looked_at_before_anything_else() -> None:
    assert MOVES[State.INTERRUPTED] == {State.VERIFYING, State.ESCALATED}


def test_a_decaying_alert_may_turn_inconclusive_when_nothing_can_be_seen_any_more() -> None:
    legal(State.DECAYING, State.INCONCLUSIVE)


def test_what_may_have_been_done_is_never_followed_by_the_next_rung() -> None:
    assert State.NEXT_RUNG not in MOVES[State.INCONCLUSIVE]


@pytest.mark.parametrize(("before", "after"), ILLEGAL)
def test_a_move_that_is_not_in_the_table_raises(before: State, after: State) -> None:
    with pytest.raises(IllegalMove, match=f"{before} → {after}"):
        legal(before, after)
    with pytest.raises(IllegalMove):
        an_incident(state=before).moved(after, Reason.OPERATOR, NOW)


def test_a_move_says_when_and_why() -> None:
    after = an_incident(state=State.GATING).moved(State.BLOCKED, Reason.COOLDOWN, NOW + 5)
    assert (after.state, after.reason, after.progress.since) == (
        State.BLOCKED,
        Reason.COOLDOWN,
        NOW + 5,
    )


@pytest.mark.parametrize("end", sorted(CLOSED))
def test_closing_stamps_the_end(end: State) -> None:
    assert an_incident().moved(end, Reason.RESOLVED, NOW + 9).resolved_at == NOW + 9


def test_moving_on_keeps_the_progress_that_is_not_named() -> None:
    before = an_incident(state=State.GATING).moved(
        State.BLOCKED, Reason.PAUSED, NOW, refused=("paused",)
    )
    after = before.moved(State.GATING, Reason.PAUSED, NOW + 1, passes=2)
    assert (after.progress.refused, after.progress.passes) == (("paused",), 2)


def test_a_progress_field_that_does_not_exist_is_a_bug() -> None:
    with pytest.raises(TypeError):
        an_incident().moved(State.GATING, Reason.FIRING, NOW, nonsense=1)


moments = st.floats(0, 4e9)
progresses = st.builds(
    Progress,
    since=moments,
    target=st.integers(0, 9),
    passes=st.integers(0, 99),
    verify_from=st.none() | moments,
    result=st.text(max_size=20),
    blocked_since=st.none() | moments,
    refused=st.lists(st.sampled_from([str(reason) for reason in Reason])).map(tuple),
    approval=st.text(max_size=16),
    acted=st.booleans(),
    level=st.integers(0, 9),
    returns=st.integers(0, 9),
    returned_at=st.none() | moments,
    tried_before=st.integers(0, 9),
)


@given(progresses)
def test_progress_survives_the_journal(progress: Progress) -> None:
    incident = changed(an_incident(), progress=progress)
    assert progress_of(progress_json(incident)) == progress


def test_progress_of_an_older_program_lacks_fields_and_reads_all_the_same() -> None:
    assert progress_of("{}") == Progress()


def test_progress_of_a_newer_program_is_read_without_what_is_not_known() -> None:
    assert progress_of('{"passes": 3, "invented_later": true}') == Progress(passes=3)
