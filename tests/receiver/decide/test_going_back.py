"""A rollback is written before anything is touched, goes on where it was, and is never begun twice."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.going_back import (
    UNDER_WAY,
    GateShut,
    IllegalStep,
    Rollback,
    Step,
    Tread,
    arrived,
    attempts,
    begun,
    commits,
    failed,
    not_done,
    reached,
    restored,
    stuck,
    unsettled,
)
from receiver.decide.ledger import DEPLOY_FROZEN, Deploy, NotThat, started, unfrozen
from receiver.decide.reason import Reason
from receiver.decide.release import ReleaseState, current, frozen
from tests.receiver.builders import NOW
from tests.receiver.decide.releases import Book, a_ledger, a_release, facts

GOOD = a_release("v1", hours_ago=10, commit="aaaaaaa")
BAD = a_release("v2", commit="bbbbbbb", compatible_down_to="v1")
LEDGER = a_ledger(GOOD, BAD)
ASKED = Rollback("api", 2, "v2", "v1", 7, "j-7-0-1-api", NOW)


def a_book(*treads: Tread) -> Book:
    book = Book(LEDGER)
    for tread in (begun(ASKED, facts()), *treads):
        book.take(tread)
    return book


def refused_deploy(book: Book, version: str = "v3") -> str:
    with pytest.raises(NotThat) as caught:
        started(Deploy("api", version, "ci", NOW + 5))(book.releases)
    return caught.value.reason


def test_begun_twice_by_the_same_action_is_begun_once() -> None:
    book = a_book()
    shut = facts(armed=False)  # whatever the gate says by now
    assert book.take(begun(ASKED, shut)) == book.rollbacks[0]
    assert len(book.rollbacks) == 1


def test_a_gate_that_shut_meanwhile_is_shut() -> None:
    with pytest.raises(GateShut) as caught:
        Book(LEDGER).take(begun(ASKED, facts(dependency="PostgresDown")))
    assert caught.value.reason == Reason.DEPENDENCY_OPEN


def test_a_deploy_that_began_meanwhile_is_waited_for() -> None:
    flying = replace(BAD, version="v3", id=3, state=ReleaseState.DEPLOYING, finished_at=None)
    flying = replace(flying, deployed_at=NOW - 5)
    with pytest.raises(GateShut) as caught:
        Book([*LEDGER, flying]).take(begun(ASKED, facts()))
    assert caught.value.reason == Reason.DEPLOY_IN_FLIGHT


def test_what_was_looked_at_is_what_is_gone_back_to() -> None:
    for other in (replace(ASKED, to="v0"), replace(ASKED, release=1)):
        with pytest.raises(NotThat, match="the ledger of api changed"):
            Book(LEDGER).take(begun(other, facts()))


def test_one_that_another_action_began_is_waited_for() -> None:
    with pytest.raises(GateShut) as caught:
        a_book().take(begun(replace(ASKED, action_id="other"), facts(max_per_deploy=9)))
    assert caught.value.reason == Reason.TARGET_BUSY


def test_no_deploy_begins_while_it_is_under_way_nor_after_it() -> None:
    book = a_book()
    assert refused_deploy(book) == DEPLOY_FROZEN
    book.take(arrived(ASKED.action_id, NOW + 9, {}))
    assert refused_deploy(book) == DEPLOY_FROZEN


def test_a_human_lifts_the_freeze() -> None:
    book = a_book(arrived(ASKED.action_id, NOW + 9, {}))
    entry = unfrozen("api", "ann")(book.releases)
    assert [note.ev for note in entry.notes] == ["deploys_unfrozen"]
    assert entry.release.frozen_at is None
    with pytest.raises(NotThat, match="not frozen"):
        unfrozen("api", "ann")(LEDGER)


def test_what_was_gone_back_from_is_never_deployed_again() -> None:
    book = a_book(arrived(ASKED.action_id, NOW + 9, {}))
    assert refused_deploy(book, "v2") == ReleaseState.QUARANTINED


def test_what_was_gone_back_to_serves_by_an_entry_of_its_own() -> None:
    book = a_book(arrived(ASKED.action_id, NOW + 9, {"log": "b  fix"}))
    serving = current(book.releases)
    assert serving is not None
    assert (serving.id, serving.version, serving.rollback) == (3, "v1", True)
    assert (serving.commit, serving.proven_at) == ("aaaaaaa", NOW + 9)
    assert book.releases[1].state is ReleaseState.ROLLED_BACK
    assert book.releases[1].replaced_at == NOW
    assert book.rows[-1] == {
        "incident": 7,
        "aid": ASKED.action_id,
        "target": "api",
        "version": "v2",
        "to": "v1",
        "step": "rolled_back",
        "log": "b  fix",
    }


def test_one_that_was_quarantined_while_it_served_stays_so() -> None:
    book = Book([LEDGER[0], replace(LEDGER[1], state=ReleaseState.QUARANTINED)])
    book.take(begun(ASKED, facts()))
    book.take(arrived(ASKED.action_id, NOW + 9, {}))
    assert book.releases[1].state is ReleaseState.QUARANTINED


def test_how_far_it_came_only_grows() -> None:
    book = a_book(reached(ASKED.action_id, 2), reached(ASKED.action_id, 1))
    assert book.rollbacks[0].reached == 2
    assert book.rows[-1]["machine"] == 2
    assert len(book.rows) == 2


def test_the_commits_between_are_named_where_both_are_known() -> None:
    assert commits(LEDGER, ASKED) == "aaaaaaa..bbbbbbb"
    assert commits(a_ledger(GOOD, replace(BAD, commit=None)), ASKED) == ""


def test_what_touched_nothing_leaves_nothing_behind() -> None:
    book = a_book(not_done(ASKED.action_id, "the manager does not answer", NOW + 1))
    assert frozen(book.releases) is None
    assert attempts(book.rollbacks) == ()
    assert unsettled(book.releases, book.rollbacks) is None


def test_what_was_restored_counts_and_is_settled() -> None:
    book = a_book(failed(ASKED.action_id, "old one serves"), restored(ASKED.action_id, "", NOW + 9))
    assert [one.release for one in attempts(book.rollbacks)] == [2]
    assert attempts(book.rollbacks, but=ASKED.action_id) == ()
    assert unsettled(book.releases, book.rollbacks) is None
    assert book.rollbacks[0].why == "old one serves"
    serving = current(book.releases)
    assert serving is not None
    assert serving.version == "v2"


def test_after_neither_was_proven_nothing_is_settled_until_a_human_says_so() -> None:
    book = a_book(failed(ASKED.action_id, "x"), stuck(ASKED.action_id, "y", NOW + 9))
    assert unsettled(book.releases, book.rollbacks) == book.rollbacks[0]
    lifted = [replace(one, frozen_at=None) for one in book.releases]
    assert unsettled(lifted, book.rollbacks) is None


def test_while_it_is_under_way_nothing_is_settled_whoever_lifts_what() -> None:
    book = a_book()
    lifted = [replace(one, frozen_at=None) for one in book.releases]
    assert unsettled(lifted, book.rollbacks) == book.rollbacks[0]


def test_said_twice_is_said_once() -> None:
    twice = (failed(ASKED.action_id, "x"), stuck(ASKED.action_id, "y", NOW))
    for tread in (*twice, arrived(ASKED.action_id, NOW, {})):
        book = a_book()
        if tread is twice[1]:
            book.take(twice[0])
        first = book.take(tread)
        rows = len(book.rows)
        assert book.take(tread) == first
        assert len(book.rows) == rows


def test_what_has_ended_goes_nowhere() -> None:
    book = a_book(arrived(ASKED.action_id, NOW + 9, {}))
    with pytest.raises(IllegalStep):
        book.take(failed(ASKED.action_id, "too late"))


_TREADS = {
    "failed": failed(ASKED.action_id, "x"),
    "stuck": stuck(ASKED.action_id, "x", NOW + 1),
    "restored": restored(ASKED.action_id, "x", NOW + 1),
    "not_done": not_done(ASKED.action_id, "x", NOW + 1),
    "arrived": arrived(ASKED.action_id, NOW + 1, {}),
}


@given(st.lists(st.sampled_from(sorted(_TREADS)), max_size=6))
def test_whatever_is_said_one_release_serves_and_only_what_is_over_is_settled(
    words: list[str],
) -> None:
    book = a_book()
    for word in words:
        try:
            book.take(_TREADS[word])
        except IllegalStep:
            continue
    assert sum(one.serves for one in book.releases) == 1
    ended = book.rollbacks[0].step
    assert (unsettled(book.releases, book.rollbacks) is not None) == (
        ended in UNDER_WAY | {Step.STUCK}
    )
    serving = current(book.releases)
    assert serving is not None
    assert (serving.version == "v1") == (ended is Step.ROLLED_BACK)
