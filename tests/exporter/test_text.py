from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, Info, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
    UntypedMetricFamily,
)
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.utils import floatToGoString

from exporter import text
from exporter.families import Alone, counter, gauge, labelled, unsuffixed
from prunella.lines import END, number

LABELS = ("a", "kind", "B9_")
VALUES = st.text(max_size=8) | st.sampled_from(['a"b', "x\n", "\\", 'q\\"\n', "", "é"])
NUMBERS = st.floats() | st.integers(-(10**17), 10**17) | st.sampled_from([1e6, 999999.5, 1e15])
ROWS = st.lists(st.tuples(st.tuples(VALUES, VALUES, VALUES), NUMBERS), max_size=5)
HELP = st.text(max_size=12)


class Theirs(CollectorRegistry):
    """A registry of families that are there already."""

    def __init__(self, families: Sequence[Metric]) -> None:
        super().__init__()
        self.families = families

    def collect(self) -> Iterable[Metric]:
        return self.families


def assert_as_theirs(*families: Metric) -> None:
    """Twice: the second time the prefixes are known."""
    for _ in range(2):
        assert text.plain(families) == generate_latest(Theirs(families))
        theirs: Any = openmetrics.generate_latest(Theirs(families))  # type: ignore[no-untyped-call]  # the library's own
        assert text.open_metrics(families) + END == theirs


@settings(max_examples=100)
@given(HELP, NUMBERS, st.dictionaries(st.sampled_from(["a", "service"]), VALUES))
@pytest.mark.parametrize("kind", ["gauge", "counter", "unknown"])
def test_so_is_a_series_that_is_alone(
    kind: str, said: str, number: float, extra: dict[str, str]
) -> None:
    name = "things_total" if kind == "counter" else "things"
    assert_as_theirs(labelled(Alone(name, said, kind, number), extra))


@settings(max_examples=200)
@given(HELP, ROWS, ROWS, st.dictionaries(st.sampled_from(["a", "service"]), VALUES))
def test_every_byte_is_as_prometheus_client_writes_it(
    said: str, some: Any, others: Any, extra: dict[str, str]
) -> None:
    assert_as_theirs(
        labelled(gauge("things_bytes", said, LABELS, some), extra),
        labelled(counter("things_done_total", said, LABELS, others), extra),
        gauge("alone", said, (), [((), 1.5)]),
    )


@settings(max_examples=300)
@given(NUMBERS)
def test_a_number_is_spelled_as_go_spells_it(value: float) -> None:
    assert number(value) == floatToGoString(value)  # type: ignore[no-untyped-call]  # the library's own


@pytest.mark.parametrize(
    "value", [0, 1, -1, 1e6, -1e6, 1234567, 12345678.9, 1e21, math.nan, math.inf, -math.inf]
)
def test_a_number_at_the_edges(value: float) -> None:
    assert number(value) == floatToGoString(value)  # type: ignore[no-untyped-call]  # the library's own


def test_families_of_prometheus_client_itself_are_written_alike() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("seconds", "How long.", ["x"], registry=registry)
    histogram.labels("1").observe(3)
    Counter("seen", "How often.", registry=registry).inc()
    Summary("size", "How much.", registry=registry).observe(2)
    Info("about", "What.", registry=registry).info({"version": "1"})
    assert_as_theirs(*registry.collect())


def test_what_has_more_than_a_value_is_written_alike() -> None:
    timed = GaugeMetricFamily("timed", "When.", labels=["a"])
    timed.add_metric(["1"], 5, timestamp=1.5)
    unit = GaugeMetricFamily("long_seconds", "How long.", value=3, unit="seconds")
    buckets = HistogramMetricFamily("h", "H.", buckets=[("1", 1), ("+Inf", 2)], sum_value=3)
    assert_as_theirs(timed, unit, buckets, UntypedMetricFamily("u", "U.", value=3))


def test_an_exemplar_is_shown_in_openmetrics() -> None:
    registry = CollectorRegistry()
    Counter("seen", "How often.", registry=registry).inc(1, {"trace": "abc"})
    assert_as_theirs(*registry.collect())
    assert b'# {trace="abc"} 1.0' in text.open_metrics(registry.collect())


def test_a_counter_named_without_total_is_one_in_text_and_unknown_in_openmetrics() -> None:
    family = unsuffixed("pg_commits", "Commits.", ("datname",), [(("shop",), 3)])
    assert b"# TYPE pg_commits counter\npg_commits{" in text.plain([family])
    assert b"# TYPE pg_commits unknown\npg_commits{" in text.open_metrics([family])


def test_a_name_whose_labels_come_and_go_does_not_fill_the_memory() -> None:
    for turn in range(3):
        rows = [((f"{turn}-{row}",), 1.0) for row in range(text._MOST)]
        text.plain([gauge("churning", "Labels that come and go.", ("id",), rows)])
    assert len(text._kept["churning", ("id",), ()]) <= 2 * text._MOST
