from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receiver.backtest.history import HistoryError
from receiver.backtest.rulebook import AlertRule, fired, unknown

STEP, END = 60.0, 6000.0
SERIES = {"__name__": "depth", "service": "jobs"}


def rule(**changes: Any) -> AlertRule:
    return AlertRule(
        **{"name": "Deep", "expr": "depth > 5", "for_": 0.0, "keep": 0.0, "labels": {}, **changes}
    )


def times(*minutes: int) -> list[float]:
    return [minute * STEP for minute in minutes]


def spans(of: AlertRule, *minutes: int) -> list[tuple[float, float | None]]:
    return [(one.begins, one.ends) for one in fired(of, SERIES, times(*minutes), STEP, END)]


def test_without_for_it_fires_with_its_expression() -> None:
    assert spans(rule(), 1, 2, 5) == [(60.0, 180.0), (300.0, 360.0)]


def test_for_has_to_be_over_while_the_expression_still_holds() -> None:
    assert spans(rule(for_=120.0), 1, 2, 3, 4, 10, 11) == [(180.0, 300.0)]


def test_for_between_two_looks_is_seen_at_the_next_one() -> None:
    assert spans(rule(for_=90.0), 1, 2, 3, 4) == [(180.0, 300.0)]


def test_keep_firing_for_bridges_a_gap() -> None:
    assert spans(rule(keep=180.0), 1, 3, 20) == [(60.0, 420.0), (1200.0, 1440.0)]


def test_what_is_kept_beyond_the_end_has_none() -> None:
    assert spans(rule(keep=300.0), 98) == [(5880.0, None)]


def test_labels_are_the_series_and_the_rules_own_with_their_templates() -> None:
    own = {"severity": "critical", "queue": "{{ $labels.service }}", "gone": "{{$labels.none}}"}
    (one,) = fired(rule(labels=own), SERIES, times(1), STEP, END)
    wanted = {"alertname": "Deep", "service": "jobs", "severity": "critical", "queue": "jobs"}
    assert one.labels == wanted


def test_only_alerts_that_did_not_fire_are_asked_for() -> None:
    rules = [{"alert": "Old", "expr": "a"}, {"alert": "New", "expr": "b", "for": "5m"}]
    (one,) = unknown([*rules, {"record": "r", "expr": "c"}], {"Old"})
    assert (one.name, one.expr, one.for_) == ("New", "b", 300.0)


def test_a_wrong_duration_names_the_rule() -> None:
    with pytest.raises(HistoryError, match="New"):
        unknown([{"alert": "New", "expr": "b", "for": "soon"}], set())


@given(st.sets(st.integers(0, 90), min_size=1), st.integers(0, 5), st.integers(0, 5))
def test_it_fires_as_prometheus_would_look_by_look(moments: set[int], wait: int, keep: int) -> None:
    firing, since, last = set(), None, None
    for moment in range(100):
        since = (moment if since is None else since) if moment in moments else None
        if since is not None and moment - since >= wait:
            last = moment
        kept = last is not None and moment - last <= keep
        if kept:
            firing.add(moment)
    found = spans(rule(for_=wait * STEP, keep=keep * STEP), *sorted(moments))
    seen = {m for b, e in found for m in range(int(b / STEP), int((e or END) / STEP))}
    assert seen == firing
