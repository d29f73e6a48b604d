"""The metric types and the registry of this process: prometheus_client's, with our own way to keep the values.

Where several processes of one app share a folder (PROMETHEUS_MULTIPROC_DIR, as with gunicorn's workers), values have to
be in its files after every observation, and prometheus_client's own types do that.
"""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, values
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY, Collector

from prunella.guarded import needed

_ATTEMPTS = 10
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
    """What all processes of the app have counted, those that have ended included; gauges only of those that live."""
    # few need it, and it costs as much as all of this module
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415 - as said above

    folder = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])
    for file in folder.glob("gauge_live*.db"):
        pid = file.stem.rpartition("_")[2]
        if pid.isdigit() and not _lives(int(pid)):
            file.unlink(missing_ok=True)  # another process may have been quicker
    registry = CollectorRegistry(support_collectors_without_names=True)
    registry.register(_Patient(MultiProcessCollector(None)))  # type: ignore[no-untyped-call]  # typed in part only
    return registry


class _Patient(Collector):
    """A file that another process is just making is empty for a moment, and one may go while it is read."""

    def __init__(self, files: Collector) -> None:
        self._files = files

    def collect(self) -> Iterable[Metric]:
        for _ in range(_ATTEMPTS):
            try:
                return list(self._files.collect())
            except (struct.error, ValueError, FileNotFoundError):
                time.sleep(0.02)
        return self._files.collect()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True
