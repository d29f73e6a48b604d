"""The metric types and the registry of this process: prometheus_client's own, so that both can be used side by side."""

from __future__ import annotations

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

__all__ = ["REGISTRY", "CollectorRegistry", "Counter", "Gauge", "Histogram"]

# A second series for every counter and histogram, which nothing of ours reads.
disable_created_metrics()  # type: ignore[no-untyped-call]  # prometheus_client types it in part only
