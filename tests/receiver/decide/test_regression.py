"""A release is judged by figures: worse ones never make it look better, and none at all never make it pass."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.decide.launch import LaunchWatch
from receiver.decide.regression import (
    Baseline,
    Finding,
    Measured,
    Seen,
    Source,
    baseline_before,
    overall,
)
from receiver.decide.signals import SIGNALS
from tests.receiver.builders import NOW
from tests.receiver.decide.launches import (
    MIB,
    WATCH,
    WELL,
    a_baseline,
    judged,
    one_of,
    seen,
    unasked,
)

GRAVITY = {Finding.PASS: 0, Finding.INCONCLUSIVE: 1, Finding.DEGRADED: 2}
NAMES = st.sampled_from(sorted(SIGNALS))
FIGURES = st.one_of(st.none(), st.floats(0, 1e12, allow_nan=False))
SIGHTS = st.builds(
    lambda traffic, values: Seen(
        Measured(traffic), {name: Measured(value) for name, value in values.items()}
    ),
    st.one_of(st.none(), st.floats(0, 1e4)),
    st.fixed_dictionaries(dict.fromkeys(SIGNALS, FIGURES)),
)
BASELINES = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(SIGNALS, st.floats(0, 1e12, allow_nan=False))
).map(lambda values: a_baseline(**{**dict.fromkeys(WELL), **values}))


def worsened(what: Seen, name: str, by: float) -> Seen:
    value = what.signals[name].value
    worse = Measured(None if value is None else value + by)
    return Seen(what.traffic, {**what.signals, name: worse})


def test_what_is_as_before_passes() -> None:
    found = judged(seen())
    assert found.finding is Finding.PASS
    assert all(one.counted and one.finding is Finding.PASS for one in found.signals)
    assert found.gained == {}


@pytest.mark.parametrize(
    ("name", "passes", "fails"),
    [
        ("errors", 0.0109, 0.0112),
        ("p95", 0.299, 0.301),
        ("p99", 0.649, 0.651),
        ("memory", 449 * MIB, 451 * MIB),
        ("queue_lag", 53.0, 53.1),
        ("probe_failures", 0.05, 0.051),
    ],
)
def test_a_signal_is_worse_only_by_ratio_and_by_floor(
    name: str, passes: float, fails: float
) -> None:
    assert judged(seen(**{name: passes})).finding is Finding.PASS
    found = judged(seen(**{name: fails}))
    assert found.finding is Finding.DEGRADED
    assert [one.signal for one in found.signals if one.finding is Finding.DEGRADED] == [name]


def test_it_says_by_how_much_and_what_it_was() -> None:
    slow = one_of(judged(seen(p95=0.48)), "p95")
    assert slow.why == "above the limit of 300 ms; the baseline is 200 ms"
    assert slow.value == 0.48
    assert slow.limit == pytest.approx(0.3)


def test_too_little_traffic_says_nothing_for_or_against_a_release() -> None:
    found = judged(seen(0.01, errors=1.0, p95=60.0))
    assert found.finding is Finding.INCONCLUSIVE
    assert one_of(found, "errors").why == "too little traffic: 0.01 requests/s, 0.05 are needed"
    assert one_of(found, "memory").finding is Finding.PASS


def test_what_needs_no_traffic_is_judged_without() -> None:
    assert judged(seen(0.0, errors=None, memory=9e9)).finding is Finding.DEGRADED


def test_a_figure_that_is_gone_is_no_pass() -> None:
    found = judged(seen(memory=None))
    assert found.finding is Finding.INCONCLUSIVE
    assert one_of(found, "memory").why == "no data"


def test_what_the_service_never_had_is_not_held_against_it() -> None:
    found = judged(seen(queue_lag=None), a_baseline(queue_lag=None))
    assert found.finding is Finding.PASS
    assert not one_of(found, "queue_lag").counted


def test_a_service_of_which_nothing_is_known_is_inconclusive() -> None:
    nothing = Seen(Measured(), dict.fromkeys(SIGNALS, Measured()))
    found = judged(nothing, {})
    assert found.finding is Finding.INCONCLUSIVE
    assert not any(one.counted for one in found.signals)


def test_a_prometheus_that_cannot_be_asked_counts_also_for_what_was_never_there() -> None:
    found = judged(unasked("connection refused"), {})
    assert found.finding is Finding.INCONCLUSIVE
    assert {one.why for one in found.signals} == {"connection refused"}
    assert all(one.counted for one in found.signals)


def test_without_a_baseline_the_first_healthy_checkpoint_becomes_it() -> None:
    found = judged(seen(), {})
    assert found.finding is Finding.PASS
    assert {name: base.value for name, base in found.gained.items()} == WELL
    assert {base.source for base in found.gained.values()} == {Source.CHECKPOINT}


def test_without_a_baseline_what_is_not_healthy_at_all_is_degraded_and_becomes_none() -> None:
    found = judged(seen(errors=0.3), {})
    assert found.finding is Finding.DEGRADED
    assert found.gained == {}
    assert one_of(found, "errors").why == "above 5 %, which is not healthy; no baseline yet"


def test_what_is_measured_of_too_few_requests_becomes_no_baseline() -> None:
    assert judged(seen(0.01), {}).gained.keys() == {"memory", "queue_lag", "probe_failures"}


def test_the_stretch_before_the_deploy_is_the_baseline_when_it_was_healthy() -> None:
    found = baseline_before(seen(), WATCH, NOW)
    assert {name: base.value for name, base in found.items()} == WELL
    assert {base.source for base in found.values()} == {Source.BEFORE}


def test_a_deploy_into_an_outage_is_not_measured_by_the_outage() -> None:
    assert baseline_before(seen(errors=0.4), WATCH, NOW) == {}


def test_a_quiet_night_before_the_deploy_gives_no_baseline_of_requests() -> None:
    found = baseline_before(seen(0.001), WATCH, NOW)
    assert found.keys() == {"memory", "queue_lag", "probe_failures"}


def test_a_signal_that_is_not_judged_is_not_asked_for() -> None:
    watch = LaunchWatch.model_validate({"signals": {"memory": {"judged": False}}})
    kept = {name: one for name, one in seen(memory=9e12).signals.items() if name != "memory"}
    assert judged(Seen(Measured(5.0), kept), watch=watch).finding is Finding.PASS


@pytest.mark.parametrize("values", [(), (math.nan,), (math.inf, -math.inf)])
def test_what_is_not_a_number_is_no_data(values: tuple[float, ...]) -> None:
    assert Measured.of(values) == Measured(None)


def test_of_several_series_the_worst_counts() -> None:
    assert Measured.of((0.1, math.nan, 0.4, 0.2)) == Measured(0.4)


@given(SIGHTS, BASELINES, NAMES, st.floats(0, 1e12))
def test_worse_figures_never_make_a_better_finding(
    what: Seen, baseline: Baseline, name: str, by: float
) -> None:
    before = judged(what, baseline)
    after = judged(worsened(what, name, by), baseline)
    assert GRAVITY[after.finding] >= GRAVITY[before.finding]


@given(SIGHTS, BASELINES, NAMES)
def test_a_figure_that_goes_dark_never_makes_a_signal_pass(
    what: Seen, baseline: Baseline, name: str
) -> None:
    dark = Seen(what.traffic, {**what.signals, name: Measured()})
    after = judged(dark, baseline)
    assert one_of(after, name).finding is Finding.INCONCLUSIVE


@given(SIGHTS, BASELINES)
def test_who_cannot_ask_never_passes(what: Seen, baseline: Baseline) -> None:
    for problem in (Seen(Measured(problem="x"), what.signals), unasked()):
        found = judged(problem, baseline)
        assert all(
            one.finding is Finding.INCONCLUSIVE
            for one in found.signals
            if SIGNALS[one.signal].of_requests
        )
    assert judged(unasked(), baseline).finding is Finding.INCONCLUSIVE


@given(SIGHTS, BASELINES)
def test_nothing_passes_that_no_counted_signal_passes(what: Seen, baseline: Baseline) -> None:
    found = judged(what, baseline)
    counted = {one.finding for one in found.signals if one.counted}
    assert (found.finding is Finding.PASS) == (counted == {Finding.PASS})
    assert overall(found.signals) is found.finding
