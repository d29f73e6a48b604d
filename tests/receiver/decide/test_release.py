"""What may be gone back to, whatever the ledger says."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.release import (
    LIVE,
    SOAK,
    TRANSITIONS,
    IllegalTransition,
    Release,
    ReleaseState,
    bad_versions,
    current,
    image_digest,
    in_flight,
    known_good,
    places,
    schema_allows,
)
from tests.receiver.builders import NOW
from tests.receiver.decide.releases import HOUR, a_ledger, a_release

DEPLOYING, FAILED = ReleaseState.DEPLOYING, ReleaseState.FAILED
STABLE, QUARANTINED = ReleaseState.STABLE, ReleaseState.QUARANTINED
moments = st.none() | st.floats(NOW - 10 * HOUR, NOW)
a_random_release = st.builds(
    Release,
    target=st.just("api"),
    version=st.sampled_from(["v1", "v2", "v3", "v4"]),
    state=st.sampled_from(ReleaseState),
    deployed_at=st.floats(NOW - 10 * HOUR, NOW),
    by=st.just("ci"),
    finished_at=moments,
    replaced_at=moments,
    proven_at=moments,
    healthy_since=moments,
    restore_point_at=moments,
)
ledgers = st.lists(a_random_release, max_size=8)


@pytest.mark.parametrize(("was", "to"), [*product(ReleaseState, ReleaseState)])
def test_a_release_moves_as_the_table_says_and_no_other_way(
    was: ReleaseState, to: ReleaseState
) -> None:
    release = a_release(state=was)
    if to in TRANSITIONS[was]:
        assert release.moved(to).state is to
    else:
        with pytest.raises(IllegalTransition, match=f"from {was} to {to}"):
            release.moved(to)


def test_every_state_has_its_transitions_and_a_quarantine_is_for_good() -> None:
    assert set(TRANSITIONS) == set(ReleaseState)
    assert not TRANSITIONS[QUARANTINED]


def test_the_one_that_was_replaced_serves_no_longer() -> None:
    ledger = a_ledger(a_release("v1", hours_ago=5), a_release("v2"))
    assert current(ledger) == ledger[1]


def test_a_deploy_that_failed_leaves_the_one_before_it_serving() -> None:
    failed = a_release("v2", state=FAILED, finished_at=None)
    ledger = a_ledger(a_release("v1", hours_ago=5), failed)
    serving = current(ledger)
    assert serving is not None
    assert serving.version == "v1"


def test_nothing_serves_in_an_empty_ledger() -> None:
    assert current(()) is None
    assert known_good((), NOW) is None


@pytest.mark.parametrize(("hours_ago", "there"), [(0.0, True), (0.99, True), (1.0, False)])
def test_a_deploy_that_says_nothing_for_an_hour_is_dead(hours_ago: float, *, there: bool) -> None:
    begun = a_release(state=DEPLOYING, hours_ago=hours_ago)
    assert (in_flight((begun,), NOW) is not None) is there


def test_the_last_known_good_one_is_the_newest_that_soaked() -> None:
    ledger = a_ledger(*(a_release(f"v{n}", hours_ago=9 - n) for n in range(1, 5)))
    good = known_good(ledger, NOW)
    assert good is not None
    assert good.version == "v3"


def test_the_previous_one_is_passed_by_when_it_never_was_healthy() -> None:
    sick = a_release("v2", hours_ago=4, healthy_since=None)
    ledger = a_ledger(a_release("v1", hours_ago=8), sick, a_release("v3"))
    assert known_good(ledger, NOW) == ledger[0]


def test_the_time_after_it_was_replaced_is_no_soaking() -> None:
    short = a_release("v2", hours_ago=4)
    ledger = a_ledger(short, a_release("v3", hours_ago=4 - (SOAK - 60) / HOUR))
    assert known_good(ledger, NOW) is None
    assert known_good(ledger, NOW, soak=60) == ledger[0]


def test_a_restore_point_needs_neither_proof_nor_soaking() -> None:
    named = a_release("v1", hours_ago=5, proven_at=None, restore_point_at=NOW)
    ledger = a_ledger(named, a_release("v2"))
    assert known_good(ledger, NOW) == ledger[0]


def test_the_newest_wins_whether_it_was_named_or_soaked() -> None:
    named = a_release("v1", hours_ago=9, restore_point_at=NOW)
    ledger = a_ledger(named, a_release("v2", hours_ago=5), a_release("v3"))
    assert known_good(ledger, NOW) == ledger[1]


def test_the_same_version_deployed_twice_is_no_way_back() -> None:
    ledger = a_ledger(a_release("v1", hours_ago=9), a_release("v1"))
    assert known_good(ledger, NOW) is None


def test_a_version_that_is_quarantined_is_so_wherever_it_stands() -> None:
    bad = a_release("v1", hours_ago=5, state=QUARANTINED)
    named = a_release("v1", hours_ago=9, restore_point_at=NOW)
    ledger = a_ledger(named, bad, a_release("v2"))
    assert known_good(ledger, NOW) is None
    assert bad_versions(ledger) == {"v1"}


@given(ledgers, st.floats(0, 5 * HOUR))
def test_what_is_gone_back_to_is_never_bad_never_unproven_and_never_current(
    ledger: list[Release], soak: float
) -> None:
    good = known_good(ledger, NOW, soak)
    if good is None:
        return
    serving = current(ledger)
    assert good.version not in bad_versions(ledger)
    assert good.state in LIVE
    assert good.restore_point_at is not None or good.proven_at is not None
    assert serving is None or good.version != serving.version


@given(ledgers)
def test_more_patience_never_finds_a_newer_one(ledger: list[Release]) -> None:
    patient, hasty = known_good(ledger, NOW, 5 * HOUR), known_good(ledger, NOW, 0)
    if patient is not None:
        assert hasty is not None
        assert ledger.index(hasty) >= ledger.index(patient)


@given(ledgers)
def test_what_serves_went_live_and_was_not_replaced(ledger: list[Release]) -> None:
    serving = current(ledger)
    if serving is not None:
        assert serving.finished_at is not None
        assert serving.replaced_at is None
        assert serving.state in {*LIVE, QUARANTINED}


def test_what_is_quarantined_serves_until_something_takes_its_place() -> None:
    bad = a_release("v2", state=QUARANTINED)
    assert current(a_ledger(a_release("v1", hours_ago=5), bad)) is not None


def test_a_version_stays_where_it_stood_first() -> None:
    ledger = a_ledger(a_release("v2"), a_release("v1"), a_release("v2"))
    assert places(ledger) == {"v2": 0, "v1": 1}


@pytest.mark.parametrize(
    ("said", "to", "allowed"),
    [
        (("v1", "v1"), "v1", True),
        (("v2", "v2"), "v1", False),
        (("v2", "v2"), "v2", True),
        (("v1", None), "v1", None),
        ((None, "v1"), "v1", None),
        ((None, "v2"), "v2", True),
        (("v1", "v0"), "v2", None),
        (("v1", "v1"), "v9", None),
    ],
)
def test_the_database_is_compatible_only_if_all_that_came_later_says_so(
    said: tuple[str | None, str | None], to: str, *, allowed: bool | None
) -> None:
    ledger = a_ledger(
        a_release("v1", hours_ago=9),
        a_release("v2", hours_ago=5, compatible_down_to=said[0]),
        a_release("v3", compatible_down_to=said[1]),
    )
    assert schema_allows(ledger, to) is allowed


def test_a_deploy_that_failed_may_have_changed_the_database_too() -> None:
    failed = a_release("v2", hours_ago=5, state=FAILED, finished_at=None)
    ledger = a_ledger(
        a_release("v1", hours_ago=9), failed, a_release("v3", compatible_down_to="v1")
    )
    assert schema_allows(ledger, "v1") is None


def test_versions_are_not_compared_by_how_they_are_spelled() -> None:
    ledger = a_ledger(a_release("v9", hours_ago=9), a_release("v10", compatible_down_to="v9"))
    assert schema_allows(ledger, "v9") is True


IMAGE, DIGEST = "registry.example.com:5000/team/shop", "sha256:" + "1" * 64


@pytest.mark.parametrize("before", ["", f"{IMAGE}@", f"{IMAGE}:v1.2_rc-3@"])
def test_an_image_is_meant_by_its_digest_alone(before: str) -> None:
    assert image_digest(before + DIGEST, IMAGE) == DIGEST


@pytest.mark.parametrize(
    "text",
    [
        *("", "v1", IMAGE, f"{IMAGE}:v1", DIGEST.upper(), DIGEST[:-1], f"{DIGEST}0", f" {DIGEST}"),
        *(f"other@{DIGEST}", f"@{DIGEST}", f"{IMAGE}x@{DIGEST}", f"{IMAGE}/x@{DIGEST}"),
        *(f"{IMAGE}@{DIGEST}@{DIGEST}", f"{IMAGE}:v1:v2@{DIGEST}", f"{IMAGE}:a b@{DIGEST}"),
        f"{DIGEST}\n",
    ],
)
def test_what_is_no_reference_to_that_image_by_digest_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match=IMAGE):
        image_digest(text, IMAGE)
