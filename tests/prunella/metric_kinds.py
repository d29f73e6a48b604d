"""The three types in their three makes: prometheus_client's own, ours, and ours with locks."""

from __future__ import annotations

from types import ModuleType

import prometheus_client as official
import pytest
from prometheus_client import CollectorRegistry, metrics_core
from prometheus_client.samples import Sample

from prunella import guarded, instruments

OURS: tuple[ModuleType, ...] = (instruments, guarded)
ours = pytest.mark.parametrize("kinds", OURS, ids=["unlocked", "locked"])
both = pytest.mark.parametrize(
    "kinds", [*OURS, official], ids=["unlocked", "locked", "prometheus_client"]
)


def collected(registry: CollectorRegistry) -> list[metrics_core.Metric]:
    """Families without the moments at which their children were made."""
    families = list(registry.collect())
    for family in families:
        family.samples = [
            sample for sample in family.samples if not sample.name.endswith("_created")
        ]
    return families


def without_time(sample: Sample) -> tuple[object, ...]:
    """An exemplar has the moment in it."""
    mark = sample.exemplar and (sample.exemplar.labels, float(sample.exemplar.value))
    return sample.name, sample.labels, sample.value, mark
