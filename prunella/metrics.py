"""The metric types and the registry of this process: prometheus_client's, with our own way to keep the values.

Where several processes of one app share a folder (PROMETHEUS_MULTIPROC_DIR, as with gunicorn's workers), values have to
be in its files after every observation, and prometheus_client's own types do that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, values
from prometheus_client.registry import REGISTRY, Collector

from prunella.guarded import needed

SHARED = bool(getattr(values.ValueClass, "_multiprocess", False))

if TYPE_CHECKING or not (SHARED or needed()):
    from prunella.instruments import Counter, Gauge, Histogram
elif SHARED:
    from prometheus_client import Counter, Gauge, Histogram
else:
    from prunella.guarded import Counter, Gauge, Histogram

__all__ = ["REGISTRY", "SHARED", "CollectorRegistry", "Counter", "Gauge", "Histogram"]


def shares(registry: Collector) -> bool:
    """Whether what this registry shows has to come from all processes of the app."""
    return SHARED and registry is REGISTRY


def shared() -> CollectorRegistry:
    """What all processes of the app have counted, those that have ended included."""
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - few need it

    registry = CollectorRegistry(support_collectors_without_names=True)
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client types it in part only
    return registry
