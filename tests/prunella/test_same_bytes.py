"""Whatever the registry holds and whatever happened to it, a page is byte for byte what prometheus_client makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any

import prometheus_client as official
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import (
    CollectorRegistry,
    disable_created_metrics,
    enable_created_metrics,
    metrics,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeHistogramMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    StateSetMetricFamily,
    SummaryMetricFamily,
    UnknownMetricFamily,
)
from prometheus_client.exposition import generate_latest as plain
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar, NativeHistogram, Timestamp

from prunella import guarded, instruments
from prunella.exposition import render

ESCAPINGS = ("underscores", "allow-utf-8", "dots", "values")
WORDS = ["a", "b c", 'q"uote', "new\nline", "back\\slash", "50%d", "%s", ',le="', "ü", "", "{}"]
NAMES = ["seconds", "with.dot", "with space", "ümlaut", "a:b", "_x", "percent%d"]
LABELS = ["x", "lf", "le.x", "zone", "label with space", 'q"', "file"]
EXAMPLES = 600 if os.environ.get("PRUNELLA_CHAOS") else 20
VALUES = st.floats() | st.sampled_from([0.0, 1.0, 999_999.0, 1e6, 1_234_567.0, 1e15, 1e16, -1e7])


def alike(registry: Collector) -> None:
    """In every format."""
    for escaping in ESCAPINGS:
        text = f"text/plain;version=1.0.0;escaping={escaping}"
        assert render(registry, text)[0] == plain(registry, escaping)
        newer = f"application/openmetrics-text;version=1.0.0;escaping={escaping}"
        theirs = open_metrics(registry, escaping)  # type: ignore[no-untyped-call]  # typed in part only
        assert render(registry, newer)[0] == theirs
    assert render(registry)[0] == plain(registry)


def metric(kind: type, names: Iterator[str], labels: Iterable[str], more: Mapping[str, Any]) -> Any:
    return lambda registry: kind(
        next(names), 'Text with \\ and \n and ".', list(labels), registry=registry, **more
    )


def makers(names: Iterator[str]) -> st.SearchStrategy[Callable[[CollectorRegistry], Any]]:
    labels = st.lists(st.sampled_from(LABELS), max_size=3, unique=True)
    bounds = st.sampled_from([(1.0, 2.5), (-1.0, 0.5), (0.0, 1e7), (0.005, 0.1, 1e6, 2e6)])
    kinds = []
    for source in (instruments, guarded, official):
        kinds += [
            st.builds(
                metric, st.just(source.Counter), st.just(names), labels, st.just({"unit": "bytes"})
            ),
            st.builds(metric, st.just(source.Gauge), st.just(names), labels, st.just({})),
            st.builds(
                metric,
                st.just(source.Histogram),
                st.just(names),
                labels,
                st.builds(lambda b: {"buckets": b}, bounds),
            ),
        ]
    kinds.append(st.builds(metric, st.just(official.Summary), st.just(names), labels, st.just({})))
    return st.one_of(kinds)


def do(made: Any, data: st.DataObject) -> None:
    """Something that can be done to such a metric."""
    if made._labelnames:
        known = list(made._metrics)
        if known and data.draw(st.integers(0, 9)) == 0:
            made.remove(*data.draw(st.sampled_from(known)))
            return
        if data.draw(st.integers(0, 19)) == 0:
            made.clear()
            return
        made = made.labels(*(data.draw(st.sampled_from(WORDS)) for _ in made._labelnames))
    amount = data.draw(VALUES)
    mark = data.draw(st.none() | st.just({"trace_id": 'a"b\\', "span": "é"}))
    if isinstance(made, official.Counter):
        made.reset() if amount == 1e16 else made.inc(abs(amount), mark)
    elif isinstance(made, official.Gauge):
        made.set_function(lambda: amount) if amount == 1e16 else made.set(amount)
    elif isinstance(made, official.Histogram):
        for _ in range(data.draw(st.integers(1, 3))):
            made.observe(amount, mark)
    else:
        made.observe(amount)


@pytest.fixture(params=[True, False], ids=["created", "none created"])
def _created(request: pytest.FixtureRequest) -> Iterator[None]:
    before = metrics._use_created
    switched(request.param)
    yield
    switched(before)


def switched(on: bool) -> None:
    switch: Callable[[], None] = enable_created_metrics if on else disable_created_metrics
    switch()


@pytest.mark.usefixtures("_created")
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_after_everything_that_can_happen_to_metrics(data: st.DataObject) -> None:
    registry = CollectorRegistry(target_info=data.draw(st.none() | st.just({"service": "shop"})))
    numbers = count()
    names = (f"m{next(numbers)}_{NAMES[next(numbers) % len(NAMES)]}" for _ in count())
    made = [make(registry) for make in data.draw(st.lists(makers(names), min_size=1, max_size=4))]
    for _ in range(data.draw(st.integers(1, 4))):
        for _ in range(data.draw(st.integers(0, 8))):
            do(data.draw(st.sampled_from(made)), data)
        alike(registry)


class Foreign(Collector):
    def __init__(self, *families: Metric) -> None:
        self.families = families

    def collect(self) -> Iterable[Metric]:
        return self.families


def every_family() -> list[Metric]:
    mark = Exemplar({"trace_id": "a"}, 0.5, 12.25)
    histogram = HistogramMetricFamily("h", "H.", labels=["x"], unit="seconds")
    histogram.add_metric(["a\n"], [("1.0", 2, mark), ("+Inf", 3, Exemplar({}, 7))], 5.5, 1.5)
    counter = CounterMetricFamily("c", "C.", labels=["x"])
    counter.add_metric(["a"], 2, created=123.4, exemplar=mark)
    counter.add_metric(["b"], 3, timestamp=Timestamp(12, 345))
    untimed = CounterMetricFamily("untimed", "U.", labels=["x"])
    untimed.add_metric(["a"], 2, created=123.4, timestamp=1.5)
    waiting = GaugeHistogramMetricFamily("w", "W.", buckets=[("1.0", 4), ("+Inf", 4)], gsum_value=2)
    native = Metric("n", "N.", "histogram")
    native.add_sample("n", {}, 0, native_histogram=NativeHistogram(24, 100, 0, 0.001, 4))
    odd = Metric("odd", "No value.", "unknown")
    return [
        *(histogram, counter, untimed, waiting, native, odd),
        GaugeMetricFamily("g.with.dots", "G.", value=float("nan")),
        InfoMetricFamily("i", "I.", value={"version": "1.2", "label with space": "y"}),
        StateSetMetricFamily("s", "S.", value={"on": True, "off": False}),
        SummaryMetricFamily("sum", "S.", count_value=2, sum_value=float("inf")),
        UnknownMetricFamily("u:u", "U.", value=-0.0),
    ]


@pytest.mark.parametrize("family", every_family(), ids=lambda family: family.name)
def test_a_family_that_others_collect(family: Metric) -> None:
    registry = CollectorRegistry()
    registry.register(Foreign(family))
    alike(registry)
    alike(registry)  # what is kept of it is the same


def test_info_enum_and_all_kinds_in_one_registry() -> None:
    registry = CollectorRegistry(target_info={"service": "shop"})
    official.Info("build", "B.", registry=registry).info({"version": "1"})
    official.Enum("state", "S.", states=["on", "off"], registry=registry).state("off")
    instruments.Histogram("h", "H.", registry=registry).observe(3)
    registry.register(Foreign(*every_family()))
    alike(registry)


def test_a_registry_that_only_collects() -> None:
    alike(Foreign(*every_family()))


def test_a_metric_whose_class_is_derived_from_ours_is_asked_itself() -> None:
    class Doubled(instruments.Gauge):
        def _child_samples(self) -> Iterable[Any]:
            return [sample._replace(value=sample.value * 2) for sample in super()._child_samples()]

    registry = CollectorRegistry()
    Doubled("g", "G.", registry=registry).set(2)
    alike(registry)
    assert b"g 4.0\n" in render(registry)[0]


def test_only_the_names_that_were_asked_for() -> None:
    registry = CollectorRegistry()
    instruments.Histogram("h", "H.", ["x"], registry=registry).labels("a").observe(1)
    instruments.Counter("c", "C.", registry=registry).inc()
    names = ["h_count", "c_total"]
    page, _ = render(registry, names=names)
    assert page == plain(registry.restricted_registry(names))


def test_a_removed_child_that_is_still_counted_changes_nobody_elses_line() -> None:
    registry = CollectorRegistry()
    made = instruments.Gauge("g", "G.", ["x"], registry=registry)
    gone, stays = made.labels("gone"), made.labels("stays")
    stays.set(1)
    alike(registry)
    made.remove("gone")
    gone.set(99)
    alike(registry)
    gone.set(100)
    alike(registry)
