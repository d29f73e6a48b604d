from __future__ import annotations

import pytest

from receiver.journal import OpenAlert
from receiver.web.monitoring.health import Word, broken, judge


def alert(symptom: str, severity: str, muted: str = "") -> OpenAlert:
    labels = {"symptom": symptom, "severity": severity}
    return OpenAlert("alertmanager", f"{symptom}-{severity}", labels, 1.0, 2.0, muted)


def test_all_is_well_when_nothing_fires_and_everything_is_measured() -> None:
    health = judge([], (), dark=False)
    assert set(health.parts.values()) == {Word.HEALTHY}
    assert (health.status, health.message) == (Word.HEALTHY, "All systems operational")


@pytest.mark.parametrize(
    ("symptom", "severity", "part", "word"),
    [
        ("errors", "critical", "errors", Word.UNHEALTHY),
        ("errors", "warning", "errors", Word.DEGRADED),
        ("latency", "high", "performance", Word.UNHEALTHY),
        ("availability", "critical", "uptime", Word.UNHEALTHY),
        ("queue", "medium", "alerts", Word.DEGRADED),
        ("errors", "info", "errors", Word.HEALTHY),
    ],
)
def test_what_fires_says_how_it_is(symptom: str, severity: str, part: str, word: Word) -> None:
    health = judge([alert(symptom, severity)], (), dark=False)
    assert (health.parts[part], health.status) == (word, word)


def test_one_part_says_nothing_of_another() -> None:
    health = judge([alert("errors", "critical")], (), dark=False)
    assert health.parts["uptime"] is Word.HEALTHY


def test_what_is_silenced_or_inhibited_counts_for_nobody() -> None:
    health = judge([alert("errors", "critical", "silenced")], (), dark=False)
    assert health.status is Word.HEALTHY


def test_what_nobody_measures_is_unknown_and_not_well() -> None:
    health = judge([], ("performance", "uptime"), dark=False)
    assert health.parts["performance"] is Word.UNKNOWN
    assert health.message == "All systems operational; not measured: performance, uptime"


def test_what_fires_is_known_also_where_nothing_is_measured() -> None:
    health = judge([alert("errors", "warning")], ("errors",), dark=False)
    assert health.parts["errors"] is Word.DEGRADED


def test_a_prometheus_that_does_not_answer_is_no_health() -> None:
    assert judge([], ("errors",), dark=True).status is Word.DEGRADED


def test_without_the_journal_nothing_works() -> None:
    assert broken().status is Word.UNHEALTHY
    assert set(broken().parts.values()) == {Word.UNKNOWN}
