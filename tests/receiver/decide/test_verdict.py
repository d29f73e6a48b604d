from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.verdict import Judgement, Look, Outcome, Sample, Verdict, judge, look

PASS, FAIL, NO_DATA = Outcome.PASS, Outcome.FAIL, Outcome.NO_DATA
GOOD, DECAYING, BAD, BLIND = Look.GOOD, Look.DECAYING, Look.BAD, Look.BLIND


def samples(*direct: Outcome, alert: Outcome | None = None) -> list[Sample]:
    seen = [Sample(outcome, "looked") for outcome in direct]
    return seen if alert is None else [*seen, Sample(alert, "the alert", direct=False)]


@pytest.mark.parametrize(
    ("direct", "alert", "expected"),
    [
        ((PASS,), None, GOOD),
        ((PASS, PASS), PASS, GOOD),
        ((), PASS, GOOD),
        ((PASS,), FAIL, DECAYING),
        ((PASS, PASS), FAIL, DECAYING),
        ((), FAIL, BAD),
        ((FAIL,), None, BAD),
        ((FAIL, PASS), PASS, BAD),
        ((FAIL, NO_DATA), PASS, BAD),
        ((FAIL,), NO_DATA, BAD),
        ((NO_DATA,), None, BLIND),
        ((PASS, NO_DATA), PASS, BLIND),
        ((PASS, NO_DATA), FAIL, BLIND),
        ((PASS,), NO_DATA, BLIND),
        ((), NO_DATA, BLIND),
        ((), None, BLIND),
    ],
)
def test_the_samples_of_one_moment_are_one_word(
    direct: tuple[Outcome, ...], alert: Outcome | None, expected: Look
) -> None:
    assert look(samples(*direct, alert=alert)) is expected


rows = st.lists(st.builds(Sample, st.sampled_from(Outcome), st.just(""), direct=st.booleans()))


@given(rows)
def test_i15_missing_data_is_never_a_pass(row: list[Sample]) -> None:
    if any(sample.outcome is NO_DATA for sample in row):
        assert look(row) in {BLIND, BAD}


@given(rows)
def test_missing_data_is_never_a_failure_by_itself(row: list[Sample]) -> None:
    if look(row) is BAD:
        assert any(sample.outcome is FAIL for sample in row)


def after(*seen: tuple[Look, float], need: int = 2) -> Judgement:
    """The judgement when each look was taken after so many seconds; within is 60, decay 100."""
    judgement = Judgement(0)
    for now, waited in seen:
        judgement = judge(now, judgement.passes, need, waited, within=60.0, decay=100.0)
        if judgement.verdict is not None:
            return judgement
    return judgement


def test_one_pass_is_not_enough_when_two_are_needed() -> None:
    assert after((GOOD, 0.0)) == Judgement(1)


def test_enough_passes_in_a_row_are_a_recovery() -> None:
    assert after((GOOD, 0.0), (GOOD, 5.0)).verdict is Verdict.RECOVERED


def test_one_pass_is_enough_when_one_is_needed() -> None:
    assert after((GOOD, 0.0), need=1).verdict is Verdict.RECOVERED


@pytest.mark.parametrize("between", [BAD, BLIND])
def test_passes_count_only_in_a_row(between: Look) -> None:
    assert after((GOOD, 0.0), (between, 5.0), (GOOD, 10.0)) == Judgement(1)


def test_it_may_be_bad_until_within_is_over() -> None:
    assert after((BAD, 59.9)).verdict is None
    assert after((BAD, 60.0)).verdict is Verdict.STILL_BROKEN


def test_what_cannot_be_seen_at_the_end_is_inconclusive() -> None:
    assert after((BLIND, 59.9)).verdict is None
    assert after((BLIND, 60.0)).verdict is Verdict.INCONCLUSIVE


def test_a_recovery_may_still_be_completed_after_within() -> None:
    assert after((GOOD, 59.0), (GOOD, 64.0)).verdict is Verdict.RECOVERED


def test_an_alert_that_forgets_slowly_is_decaying_and_no_failure() -> None:
    judgement = after((DECAYING, 0.0), (DECAYING, 5.0), (DECAYING, 159.0))
    assert judgement == Judgement(2, None, decaying=True)


def test_decay_begins_when_the_direct_checks_passed_often_enough() -> None:
    assert not after((DECAYING, 0.0)).decaying
    assert after((DECAYING, 0.0), (DECAYING, 5.0)).decaying


def test_an_alert_still_red_after_within_and_decay_is_still_broken() -> None:
    assert after((DECAYING, 160.0)).verdict is Verdict.STILL_BROKEN


def test_an_alert_that_clears_while_decaying_is_a_recovery() -> None:
    assert after((DECAYING, 50.0), (DECAYING, 70.0), (GOOD, 75.0)).verdict is Verdict.RECOVERED


def test_a_decaying_alert_whose_direct_checks_fail_late_is_still_broken() -> None:
    assert after((DECAYING, 50.0), (DECAYING, 70.0), (BAD, 75.0)).verdict is Verdict.STILL_BROKEN


def test_a_decaying_alert_that_goes_dark_late_is_inconclusive() -> None:
    assert after((DECAYING, 50.0), (DECAYING, 70.0), (BLIND, 75.0)).verdict is Verdict.INCONCLUSIVE


looks = st.lists(st.sampled_from(Look), min_size=1, max_size=50)


@given(looks, st.integers(1, 5))
def test_no_recovery_without_a_good_look_last_and_enough_direct_passes_in_a_row(
    seen: list[Look], need: int
) -> None:
    passes = 0
    for number, now in enumerate(seen):
        judgement = judge(now, passes, need, number * 5.0, within=60.0, decay=100.0)
        if judgement.verdict is Verdict.RECOVERED:
            assert now is GOOD
            assert set(seen[number + 1 - need : number + 1]) <= {GOOD, DECAYING}
            assert number + 1 >= need
            return
        passes = judgement.passes


@given(looks)
def test_still_broken_is_said_only_of_what_was_seen_to_be_broken(seen: list[Look]) -> None:
    judgement = after(*((now, number * 5.0) for number, now in enumerate(seen)))
    if judgement.verdict is Verdict.STILL_BROKEN:
        assert {BAD, DECAYING} & set(seen)


@given(st.lists(st.just(BLIND), min_size=1, max_size=50))
def test_the_blind_never_recover_and_never_fail(seen: list[Look]) -> None:
    judgement = after(*((now, number * 5.0) for number, now in enumerate(seen)))
    assert judgement.verdict in {None, Verdict.INCONCLUSIVE}


@given(looks, st.integers(1, 5))
def test_every_verification_ends(seen: list[Look], need: int) -> None:
    passes = 0
    for number, now in enumerate([*seen, *[seen[-1]] * 60]):
        judgement = judge(now, passes, need, number * 5.0, within=60.0, decay=100.0)
        if judgement.verdict is not None:
            return
        passes = judgement.passes
    pytest.fail("no verdict although everything was over")
