"""How long a release has been well, and what it is when its watch is over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.launch import PHASES, LaunchWatch, due
from receiver.decide.regression import Finding, Judgement, Source
from receiver.decide.release import Release, ReleaseState, soaked
from receiver.decide.watching import (
    Launch,
    Outcome,
    before,
    checked,
    first_baseline,
    over,
    settled,
    stretch_before,
    survived,
    was_degraded,
)
from tests.receiver.builders import NOW
from tests.receiver.decide.launches import HOUR, WATCH, a_baseline, a_checkpoint, seen
from tests.receiver.decide.releases import a_ledger, a_release

SOAK = 1800.0
FINDINGS = st.sampled_from(list(Finding))


def young(**changes: Any) -> Release:
    return a_release("v2", hours_ago=0.0, healthy_since=None, **changes)


def lived(*findings: Finding, every: float = 900.0, phase: int = 1) -> Launch:
    """A watch that found this, one checkpoint after the other."""
    release, checkpoints = young(), []
    for number, finding in enumerate(findings, start=1):
        one = a_checkpoint(finding, after=number * every, phase=phase)
        release = checked(release, Judgement(finding, ()), one.at)
        checkpoints.append(one)
    return Launch(release, NOW, a_baseline(), tuple(checkpoints))


PASS, DEGRADED, DARK = Finding.PASS, Finding.DEGRADED, Finding.INCONCLUSIVE


def test_it_is_well_since_the_first_and_until_the_last_pass() -> None:
    release = lived(PASS, PASS, DARK, PASS, DARK).release
    assert release.healthy_since == NOW + 900
    assert release.healthy_until == NOW + 3600


def test_what_is_degraded_begins_anew() -> None:
    release = lived(PASS, PASS, DEGRADED, PASS).release
    assert release.healthy_since == NOW + 3600
    assert lived(PASS, DEGRADED).release.healthy_since is None


def test_who_sees_nothing_adds_nothing() -> None:
    assert lived(DARK, DARK).release.healthy_since is None
    blind = lived(PASS, DARK, DARK, DARK, DARK).release
    assert not soaked(blind, NOW + 9 * HOUR, SOAK)


def test_half_an_hour_is_soaked_in_steps_of_fifteen_minutes() -> None:
    assert not soaked(lived(PASS, PASS).release, NOW + 9 * HOUR, SOAK)
    assert soaked(lived(PASS, PASS, PASS).release, NOW + 2700, SOAK)


@given(st.lists(FINDINGS, max_size=40))
def test_a_release_soaks_only_between_two_passes_with_nothing_bad_between(
    findings: list[Finding],
) -> None:
    release = lived(*findings).release
    good = soaked(release, NOW + 1e6, SOAK)
    places = [at for at, one in enumerate(findings) if one is PASS]
    bad = [at for at, one in enumerate(findings) if one is DEGRADED]
    stretch = [at for at in places if not bad or at > bad[-1]]
    assert good == (len(stretch) > 1 and (stretch[-1] - stretch[0]) * 900.0 >= SOAK)


def test_what_passed_to_the_end_survives() -> None:
    assert survived(lived(*[PASS] * 5), SOAK) is None
    assert survived(lived(DEGRADED, PASS, PASS, DARK, PASS), SOAK) is None


@pytest.mark.parametrize(
    ("findings", "why"),
    [
        ((DARK, DARK), "no checkpoint passed"),
        ((DEGRADED,), "no checkpoint passed"),
        ((PASS, PASS, PASS, DEGRADED), "the last that could be seen of it was degraded"),
        ((PASS, PASS, PASS, DEGRADED, DARK), "the last that could be seen of it was degraded"),
        ((DEGRADED, PASS, PASS), "it was not seen to be well for as long as it has to soak"),
        ((DARK, DARK, PASS), "it was not seen to be well for as long as it has to soak"),
    ],
)
def test_what_was_not_seen_to_be_good_does_not(findings: tuple[Finding, ...], why: str) -> None:
    assert survived(lived(*findings), SOAK) == why


def test_what_passed_only_in_the_beginning_does_not() -> None:
    launch = lived(PASS, PASS, PASS)
    blind = a_checkpoint(DARK, after=30 * HOUR, phase=3)
    after = replace(launch, checkpoints=(*launch.checkpoints, blind))
    assert survived(after, SOAK) == "nothing could be seen after phase 1"


@given(st.lists(FINDINGS, min_size=1, max_size=40))
def test_nothing_survives_that_never_passed_or_ended_badly(findings: list[Finding]) -> None:
    said = [one for one in findings if one is not DARK]
    if survived(lived(*findings), SOAK) is None:
        assert said[-1] is PASS


def test_the_survivor_is_stable_and_a_restore_point_if_it_said_what_it_is() -> None:
    after = settled(young(proven_at=NOW), NOW + 9)
    assert (after.state, after.stable_at, after.restore_point_at) == (
        *(ReleaseState.STABLE, NOW + 9, NOW + 9),
    )
    assert settled(young(proven_at=None), NOW + 9).restore_point_at is None
    assert settled(young(restore_point_at=NOW), NOW + 9).restore_point_at == NOW


def test_what_is_stable_already_stays_as_it_is() -> None:
    stable = young(state=ReleaseState.STABLE)
    assert settled(stable, NOW) == stable


def test_a_watch_ends_with_what_serves_and_with_what_is_bad() -> None:
    assert over(young()) is None
    assert over(young(replaced_at=NOW)) is Outcome.REPLACED
    assert over(young(state=ReleaseState.QUARANTINED)) is Outcome.BAD
    assert over(young(state=ReleaseState.ROLLED_BACK, replaced_at=NOW)) is Outcome.BAD


def test_the_stretch_before_the_deploy_ends_with_it_and_is_not_of_the_one_before_that() -> None:
    assert stretch_before(young(), None, WATCH) == (NOW - HOUR, NOW)
    earlier = a_release("v1", hours_ago=0.5, finished_at=NOW - 1700)
    assert stretch_before(young(), earlier, WATCH) == (NOW - 1400, NOW)
    assert stretch_before(young(), replace(earlier, finished_at=NOW - 400), WATCH) is None


def test_a_baseline_that_is_shorter_than_a_look_is_still_one() -> None:
    watch = LaunchWatch.model_validate({"baseline": "30s"})
    assert stretch_before(young(), None, watch) == (NOW - 30, NOW)


def test_what_is_carried_says_where_it_is_from() -> None:
    bad = lived(PASS, DEGRADED)
    found = first_baseline(seen(p95=9.0), bad, WATCH, NOW)
    assert {one.source for one in found.values()} == {Source.CARRIED}
    assert found["p95"].value == 0.2


def test_after_a_good_one_what_was_before_counts_and_not_what_it_was_compared_with() -> None:
    found = first_baseline(seen(p95=0.3), lived(PASS), WATCH, NOW)
    assert (found["p95"].value, found["p95"].source) == (0.3, Source.BEFORE)
    assert first_baseline(None, None, WATCH, NOW) == {}


def test_what_was_gone_back_from_was_degraded_whatever_its_checkpoints_said() -> None:
    assert was_degraded(replace(lived(PASS), release=young(state=ReleaseState.ROLLED_BACK)))
    assert was_degraded(lived(DEGRADED, DARK))
    assert not was_degraded(lived(DEGRADED, PASS))


def test_what_served_before_is_the_last_that_was_live() -> None:
    one, two, three = a_ledger(
        a_release("v1", hours_ago=3.0),
        a_release("v2", hours_ago=2.0, finished_at=None, state=ReleaseState.FAILED),
        a_release("v3", hours_ago=1.0),
    )
    assert before((one, two, three), three) == one
    assert before((one,), one) is None


def test_the_default_watch_begins_after_the_first_look_back() -> None:
    found = due(PHASES, NOW, first=NOW + WATCH.window, taken=None, now=NOW + 900)
    assert found is not None
    assert (found.phase, found.due) == (1, NOW + 900)
