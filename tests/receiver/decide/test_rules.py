from __future__ import annotations

import pytest

from receiver.decide.matchers import parse_matchers
from receiver.decide.rules import lookback, read_rules

RULE = {
    "alert": "Slow",
    "expr": 'rate(x{job="a"}[5m]) > 1',
    "for": "2m",
    "labels": {"severity": "critical", "queue": "{{ $labels.q }}"},
}


@pytest.mark.parametrize(
    ("expr", "seconds"),
    [
        ("up == 0", 0),
        ("rate(x[5m])", 300),
        ("max_over_time(x[1h:1m])", 3600),
        ("rate(x[5m]) > rate(x[1m])", 300),
        ("rate(x[5m]) > 1 and rate(x[1m]) > 1", 60),
        ("rate(x[5m]) > 1 or rate(x[1m]) > 1", 300),
        ("(rate(x[5m]) and rate(x[1m])) or rate(x[10m])", 600),
        ("rate(x[2m]) and on (service) (rate(y[9m]) and rate(z[1m]))", 120),
        ('x{path=~"[0-9]+[5m]"}', 0),
        ("a:rate5m > 1", 300),
        ("a:rate5m > 1 and a:rate1m > 1", 60),
        ("a:both", 60),
        ("a:itself", 120),
    ],
)
def test_how_long_an_expression_remembers(expr: str, seconds: float) -> None:
    records = {
        "a:rate5m": "rate(x[5m])",
        "a:rate1m": "rate(x[1m])",
        "a:both": "a:rate5m and a:rate1m",
        "a:itself": "a:itself + rate(x[2m])",
    }
    assert lookback(expr, records) == seconds


def test_a_rule_allows_what_it_sets_and_whatever_it_does_not() -> None:
    (rule,) = read_rules([RULE]).alerts
    for text, allowed, ensured in (
        ('severity="critical"', True, True),
        ('severity="warning"', False, False),
        ('alertname=~"Sl.*"', True, True),
        ('alertname="Fast"', False, False),
        ('service="api"', True, False),
        ('queue="email"', True, False),
    ):
        (matcher,) = parse_matchers(text)
        assert (rule.allows(matcher), rule.ensures(matcher)) == (allowed, ensured)


def test_a_label_is_known_when_a_rule_sets_or_mentions_it() -> None:
    rules = read_rules([RULE])
    for label in ("alertname", "severity", "queue", "job", "instance"):
        assert rules.knows(label)
    assert not rules.knows("severty")


def test_a_rule_that_aggregates_by_nothing_may_pass_on_any_label() -> None:
    assert read_rules([RULE]).knows("tier")
    by = {**RULE, "expr": "sum by (service) (up) == 0"}
    assert not read_rules([by]).knows("tier")
    assert read_rules([by]).knows("service")


def test_a_label_that_nobody_brings_is_missing() -> None:
    rules = read_rules([{**RULE, "expr": "sum by (service) (up) == 0"}])
    missing, there = parse_matchers('tier!="1"'), parse_matchers('tier="1"')
    assert rules.could_fire(rules.alerts[0], missing[0])
    assert not rules.could_fire(rules.alerts[0], there[0])


def test_what_is_no_duration_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        read_rules([{**RULE, "for": "soon"}])


def test_recording_rules_fire_nothing() -> None:
    assert read_rules([{"record": "a", "expr": "up"}]).alerts == ()
