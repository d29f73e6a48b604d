"""What the interpreter does to an app: pauses of its garbage collector, and how much memory there is to fill.

`process_resident_memory_bytes` is prometheus_client's; here is the limit to hold it against.
"""

from __future__ import annotations

import gc
import resource
import time
from collections.abc import Iterable
from pathlib import Path

from prunella.metrics import SHARED, Gauge, Histogram

_PAUSES = Histogram(
    "app_gc_pause_seconds",
    "How long the garbage collector held up the interpreter.",
    ["generation"],
    buckets=(0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1),
)
_LIMIT = Gauge(
    "app_memory_limit_bytes",
    "Memory at which something stops the process: its control group's limit, or its own.",
    multiprocess_mode="livemin",
)
CGROUP = Path("/sys/fs/cgroup")
_NO_LIMIT = 1 << 60  # what the first version of control groups says instead of none

_pauses = {str(generation): _PAUSES.labels(str(generation)) for generation in range(3)}
_began = [0.0]


def watch_runtime() -> None:
    """From now on both are shown. A second call changes nothing."""
    limit = memory_limit()
    if limit is not None:
        _LIMIT.set(limit)
    # where values are kept in files, the collector may come while their lock is held, and would wait for ever
    if not SHARED and _on_collection not in gc.callbacks:
        gc.callbacks.append(_on_collection)


def _on_collection(phase: str, info: dict[str, int]) -> None:
    if phase == "start":
        _began[0] = time.perf_counter()
    else:
        _pauses[str(info["generation"])].observe(time.perf_counter() - _began[0])


def memory_limit(cgroup: Path = CGROUP, own: Path = Path("/proc/self/cgroup")) -> int | None:
    """The lowest of those there are, in bytes."""
    limits = [*_of_cgroups(cgroup, own)]
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        limits.append(soft)
    return min(limits, default=None)


def _of_cgroups(cgroup: Path, own: Path) -> Iterable[int]:
    for path in _files(cgroup, own):
        try:
            text = path.read_text().strip()
        except OSError:
            continue
        if text.isdigit() and int(text) < _NO_LIMIT:
            yield int(text)


def _files(cgroup: Path, own: Path) -> set[Path]:
    """Of its own group and those that it is in; in a container the root's is its own."""
    old = cgroup / "memory"
    found = {cgroup / "memory.max", old / "memory.limit_in_bytes"}
    try:
        lines = own.read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        group = Path(path.lstrip("/"))
        for inside in (group, *group.parents):
            if not controllers:
                found.add(cgroup / inside / "memory.max")
            elif "memory" in controllers.split(","):
                found.add(old / inside / "memory.limit_in_bytes")
    return found
