"""Families of fresh values: what a collector answers with, without a registry and without a global gauge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric

Rows = Iterable[tuple[Sequence[str], float]]


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def unsuffixed(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A counter whose owner named it without `_total`: in OpenMetrics, which knows no such thing, it is `unknown`."""
    family = UnsuffixedCounter(name, text, "unknown")
    for values, value in rows:
        family.add_sample(name, dict(zip(labels, values, strict=True)), value)
    return family


class UnsuffixedCounter(Metric):
    """Told from what is really unknown by its class, so that the older text format can say `counter`."""


def totals(rows: Rows) -> Rows:
    """Rows of the same labels as one: what has been put under `other`."""
    found: dict[tuple[str, ...], float] = {}
    for values, value in rows:
        found[tuple(values)] = found.get(tuple(values), 0.0) + value
    return found.items()


def labelled(family: Metric, extra: Mapping[str, str]) -> Metric:
    """The family with `extra` on every series that does not say otherwise itself."""
    family.samples = [
        sample._replace(labels={**extra, **sample.labels}) for sample in family.samples
    ]
    return family
