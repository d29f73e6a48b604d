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


def labelled(family: Metric, extra: Mapping[str, str]) -> Metric:
    """The family with `extra` on every series that does not say otherwise itself."""
    family.samples = [
        sample._replace(labels={**extra, **sample.labels}) for sample in family.samples
    ]
    return family
