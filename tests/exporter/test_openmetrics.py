"""Nothing invalid is sent as OpenMetrics, whatever habits a name's owner has."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from exporter import text
from exporter.families import gauge, summary
from tests.exporter.reading import value

ROWS = [(("ping\n\x0b",), [("50", 3.0), ("99.9", 9.0)], 7.0, 21.0)]


def test_a_summary_by_percentages_is_unknown_in_openmetrics_with_all_its_figures() -> None:
    family = summary("redis_latency_percentiles_usec", "How long.", ("cmd",), ROWS)
    page = text.open_metrics([family, gauge("other", "Other.", ("a",), [(("b",), 1.0)])])
    found = list(openmetrics(page.decode() + "# EOF\n"))  # type: ignore[no-untyped-call] # prometheus_client types it in part only
    name = "redis_latency_percentiles_usec"
    assert {f.name: f.type for f in found} == {
        name: "unknown",
        f"{name}_count": "unknown",
        f"{name}_sum": "unknown",
        "other": "gauge",
    }
    assert value(found, name, cmd="ping\n\x0b", quantile="99.9") == 9
    assert (value(found, f"{name}_count"), value(found, f"{name}_sum")) == (7, 21)


def test_in_the_older_format_it_stays_the_summary_that_its_owner_shows() -> None:
    page = text.plain([summary("redis_latency_percentiles_usec", "How long.", ("cmd",), ROWS)])
    assert b"# TYPE redis_latency_percentiles_usec summary\n" in page
