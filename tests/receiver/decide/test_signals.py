"""What Prometheus is asked, and how figures are said."""

from __future__ import annotations

import pytest

from receiver.decide.launch import LaunchWatch
from receiver.decide.signals import SIGNALS, Unit, averaged, queries, shown, traffic_query


def test_every_signal_has_a_threshold_and_every_threshold_a_signal() -> None:
    watch = LaunchWatch()
    assert list(type(watch.signals).model_fields) == list(SIGNALS)
    assert queries(watch, "shop").keys() == SIGNALS.keys()


def test_the_service_is_in_every_query_and_cannot_get_out_of_its_quotes() -> None:
    hostile = 'a"} or vector(0) #\n\\'
    asked = [*queries(LaunchWatch(), hostile).values(), traffic_query(LaunchWatch(), hostile)]
    for query in asked:
        assert 'service="a\\"} or vector(0) #\\n\\\\"' in query
        assert "$" not in query


def test_a_query_of_the_config_is_asked_instead() -> None:
    watch = LaunchWatch.model_validate(
        {
            "window": "90s",
            "traffic": 'sum(rate(hits{app="$service"}[$window]))',
            "signals": {"errors": {"query": "my:errors"}, "p99": {"judged": False}},
        }
    )
    assert traffic_query(watch, "shop") == 'sum(rate(hits{app="shop"}[90000ms]))'
    assert queries(watch, "shop")["errors"] == "my:errors"
    assert "p99" not in queries(watch, "shop")


def test_the_mean_of_the_past_is_the_same_whenever_it_is_asked_for() -> None:
    assert averaged("up", 1000.0, 4600.5) == "avg_over_time(((up) >= 0)[3600s:60s] @ 4600.500)"
    assert averaged("up", 10.0, 15.0) == "avg_over_time(((up) >= 0)[5s:1s] @ 15.000)"


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (Unit.SHARE, 0.0123, "1.23 %"),
        (Unit.SHARE, 1.0, "100 %"),
        (Unit.SECONDS, 0.9996, "1,000 ms"),
        (Unit.SECONDS, 0.0, "0 ms"),
        (Unit.SECONDS, 12.34, "12.3 s"),
        (Unit.BYTES, 300 * (1 << 20), "300 MiB"),
        (Unit.BYTES, 1.5 * (1 << 30), "1.5 GiB"),
        (Unit.BYTES, 12.0, "12 B"),
        (Unit.COUNT, 12345.6, "12,346"),
    ],
)
def test_figures_are_said_as_people_read_them(unit: Unit, value: float, text: str) -> None:
    assert shown(unit, value) == text
