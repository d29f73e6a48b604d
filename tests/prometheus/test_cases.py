"""What the rule tests show of each alert: that it fires, that it waits, and what it spares."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from tests.prometheus.bundle import alert_names, alerts, unfolded
from tests.prometheus.cases import Case, Series, cases, expanded

CASES = tuple(cases())
MARKERS: Mapping[str, str] = {  # they say at once what is so
    "Watchdog": "fires always",
    "MaintenanceWindowActive": "a window is open or is not",
    "DeployInProgress": "a deploy is under way or is not",
    "InfoInhibitor": "as long as the info that it goes with",
}
OTHER_RATIOS: Mapping[str, str] = {
    "TrafficDropped": "a rate beside the same of a week ago: without either there is no answer",
    "LaunchRegression": "compares the records whose restarts HighErrorRate is tested with",
}
each_alert = pytest.mark.parametrize("name", alert_names())


def of(name: str) -> list[Case]:
    return [one for one in CASES if one.alert == name]


def ratios() -> list[str]:
    """The alerts whose expression divides what counters have grown by."""
    found = {rule["alert"]: unfolded(rule["expr"]) for rule in alerts()}
    divided = {
        name for name, expr in found.items() if re.search(r"(rate|increase)\(.*/", expr, re.DOTALL)
    }
    return sorted(divided - OTHER_RATIOS.keys())


@each_alert
def test_an_alert_is_seen_to_fire_at_each_severity(name: str) -> None:
    told = {labels["severity"] for one in of(name) for _, fired in one.fired for labels in fired}
    assert told == {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == name}


@each_alert
def test_an_alert_is_seen_to_wait_for_what_is_too_short(name: str) -> None:
    assert any(one.waits for one in of(name)) is (name not in MARKERS)


@each_alert
def test_an_alert_is_seen_to_spare_what_is_just_below(name: str) -> None:
    assert any(one.spares for one in of(name)) is (name != "Watchdog")


@pytest.mark.parametrize("name", ratios())
def test_a_ratio_is_seen_over_a_restart_and_without_data(name: str) -> None:
    fed = [series for one in of(name) for series in one.series]
    assert any(series.falls for series in fed)
    assert any(series.ends for series in fed)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("7", [7]),
        ("1x2", [1, 1, 1]),
        ("0+5x2", [0, 5, 10]),
        ("10-2x2", [10, 8, 6]),
        ("_x2", [None, None]),
        ("stale", [None]),
    ],
)
def test_values_are_read_as_promtool_reads_them(word: str, values: list[float | None]) -> None:
    assert list(expanded(word)) == values


@pytest.mark.parametrize(
    ("values", "falls", "ends"),
    [((0, 5, 10), False, False), ((0, 5, 0), True, False), ((5, None, 5), False, True), ((5, None, 0), True, True)],
)  # fmt: skip
def test_a_restart_and_an_end_are_seen(
    values: tuple[float | None, ...], falls: bool, ends: bool
) -> None:
    series = Series("a_total", frozenset(), values)
    assert (series.falls, series.ends) == (falls, ends)
