"""The last resort against labels that explode: whatever a collector is fed with, its page stays one that Prometheus can take.

Every source is bounded where it is read, with `other` for the rest. What gets past that is a mistake of ours; then the
largest family goes, as a whole (half a histogram is none), until the rest is few enough, and all else stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import size, unfolded
from prunella.cardinality import count_dropped

MOST = 100_000  # series of one collector: a hundred times what a large one has


def below(families: Sequence[Metric], most: int = MOST) -> tuple[Sequence[Metric], Sequence[str]]:
    """The families that may be shown, and the names of those that may not."""
    series = sum(map(size, families))
    if series <= most:
        return families, ()
    kept = sorted(unfolded(families), key=size, reverse=True)
    gone = list[str]()
    while series > most:
        largest = kept.pop(0)
        count_dropped(largest.name, size(largest))
        series -= size(largest)
        gone.append(largest.name)
    return kept, gone
