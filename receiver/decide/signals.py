"""What the launch watch looks at, and how Prometheus is asked for it; more is always worse.

The queries need no recording rule, so that they work with whatever rules are loaded. One that finds nothing is no data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from receiver.decide.launch import LaunchWatch
from receiver.decide.matchers import escaped

TRAFFIC: Final = 'sum(rate(http_requests_total{service="$service"}[$window]))'


class Unit(StrEnum):
    """How a figure is said."""

    SHARE = "share"
    SECONDS = "seconds"
    BYTES = "bytes"
    COUNT = "count"


@dataclass(frozen=True, slots=True)
class Signal:
    """One of them. What is measured `of_requests` says nothing without traffic."""

    name: str
    caption: str
    unit: Unit
    query: str
    of_requests: bool = False


def _quantile(share: str) -> str:
    return (
        f"histogram_quantile({share}, sum by (le) "
        '(rate(http_request_duration_seconds_bucket{service="$service"}[$window])))'
    )


_FAILED = 'sum(rate(http_requests_total{service="$service",status=~"5.."}[$window]))'

SIGNALS: Final[Mapping[str, Signal]] = {
    one.name: one
    for one in (
        Signal(
            "errors",
            "failed requests",
            Unit.SHARE,
            # no failed request yet is 0, not "no data"
            f"({_FAILED} or {TRAFFIC} * 0) / ({TRAFFIC} > 0)",
            of_requests=True,
        ),
        Signal("p95", "latency p95", Unit.SECONDS, _quantile("0.95"), of_requests=True),
        Signal("p99", "latency p99", Unit.SECONDS, _quantile("0.99"), of_requests=True),
        Signal(
            "memory",
            "memory",
            Unit.BYTES,
            # the exporter's look from outside, else what the process says of itself
            'sum(prunella_process_resident_memory_bytes{service="$service"})'
            ' or sum(process_resident_memory_bytes{service="$service"})',
        ),
        Signal(
            "queue_lag",
            "jobs waiting",
            Unit.COUNT,
            "max(sum by (system, queue) (max by (system, queue, state) "
            '(prunella_queue_jobs{service="$service",state=~"waiting|prioritized"})))',
        ),
        Signal(
            "probe_failures",
            "failed probes",
            Unit.SHARE,
            '1 - avg(avg_over_time(probe_success{service="$service"}[$window]))',
        ),
    )
}


def queries(watch: LaunchWatch, service: str) -> Mapping[str, str]:
    """The instant query of every signal that is judged."""
    return {
        name: _filled(threshold.query or signal.query, watch, service)
        for name, signal in SIGNALS.items()
        if (threshold := watch.threshold(name)).judged
    }


def traffic_query(watch: LaunchWatch, service: str) -> str:
    """Requests a second."""
    return _filled(watch.traffic or TRAFFIC, watch, service)


def averaged(query: str, begin: float, end: float) -> str:
    """The mean of an instant query over a stretch of the past, whenever it is asked for; moments without data, which
    a mean would not survive, are left out."""
    span = max(1, round(end - begin))
    return f"avg_over_time((({query}) >= 0)[{span}s:{max(1, round(span / 60))}s] @ {end:.3f})"


def _filled(query: str, watch: LaunchWatch, service: str) -> str:
    window = f"{round(watch.window * 1000)}ms"
    return query.replace("$window", window).replace("$service", escaped(service))


def shown(unit: Unit, value: float) -> str:
    """A figure as people read it."""
    match unit:
        case Unit.SHARE:
            return f"{digits(value * 100)} %"
        case Unit.SECONDS:
            return f"{digits(value * 1000)} ms" if value < 1 else f"{digits(value)} s"
        case Unit.BYTES:
            return _bytes(value)
        case Unit.COUNT:
            return digits(value)


def digits(value: float) -> str:
    """Three of them, or all before the point; never an exponent."""
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _bytes(value: float) -> str:
    for name, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value >= size:
            return f"{digits(value / size)} {name}"
    return f"{value:.0f} B"
