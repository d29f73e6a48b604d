"""Reads families the way a rule would: by name and labels."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

from exporter.collectors.base import Collected


def samples(families: Iterable[Metric] | Collected, name: str) -> list[Sample]:
    """Every sample of that name."""
    found = families.families if isinstance(families, Collected) else families
    return [sample for family in found for sample in family.samples if sample.name == name]


def value(families: Iterable[Metric] | Collected, name: str, /, **labels: str) -> float | None:
    """The one series of that name whose labels include these; None when there is none."""
    matching = [
        sample for sample in samples(families, name) if labels.items() <= sample.labels.items()
    ]
    assert len(matching) <= 1, f"{name}{labels} is {len(matching)} series"
    return matching[0].value if matching else None


def names(families: Iterable[Metric] | Collected) -> set[str]:
    found = families.families if isinstance(families, Collected) else families
    return {sample.name for family in found for sample in family.samples}
