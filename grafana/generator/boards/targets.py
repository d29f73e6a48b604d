"""What a service should keep to in ordinary times: tighter than what alerts fire at, so that one sees it coming.

Orange is beyond the target, red beyond what calls somebody. A target is nobody's alarm and is changed here alone.
"""

from __future__ import annotations

from grafana.generator.board import Row
from grafana.generator.panel import Panel, Query, lines


def _target(
    title: str, about: str, expr: str, target: float, alert: str, unit: str = "percentunit"
) -> Panel:
    """The worst of the services that are looked at, beside its target and the alert's last threshold."""
    called = max(value for value, _ in lines(alert))
    return Panel(
        "stat",
        title,
        about,
        (Query(expr),),
        unit=unit,
        lines=[(target, "orange"), (called, "red")],
        width=4,
        height=4,
    )


def _of(record: str, labels: str = "") -> str:
    return f'max({record}{{service=~"$service"{labels}}})'


_QUERIES = _of("service_kind_name:app_operation_seconds:avg_rate5m", ',kind="db"')
_ROUND_TRIPS = (
    'max(sum by (service, name) (rate(prunella_postgres_query_seconds_sum{service=~"$service"}[5m]))'
    ' / sum by (service, name) (rate(prunella_postgres_query_seconds_count{service=~"$service"}[5m])))'
)
_HITS = 'sum by (service, name) (rate(redis_keyspace_hits_total{service=~"$service"}[15m]))'
_MISSES = 'sum by (service, name) (rate(redis_keyspace_misses_total{service=~"$service"}[15m]))'

TARGETS = Row(
    "Targets",
    (
        _target(
            "Failed requests, below 1 %",
            "Of the service with the most, over five minutes.",
            _of("service:http_request_errors_per_request:ratio_rate5m"),
            0.01,
            "HighErrorRate",
        ),
        _target(
            "p95, below 0.5 s",
            "The slowest request of twenty, over five minutes.",
            _of("service:http_request_duration_seconds:p95_rate5m"),
            0.5,
            "HighLatencyP95",
            "s",
        ),
        _target(
            "p99, below 1 s",
            "The slowest request of a hundred, over five minutes.",
            _of("service:http_request_duration_seconds:p99_rate5m"),
            1.0,
            "HighLatencyP99",
            "s",
        ),
        _target(
            "Queries, below 100 ms",
            "The average query that an app's timers measure, else the exporter's own, over five minutes.",
            f"{_QUERIES} or {_ROUND_TRIPS}",
            0.1,
            "DatabaseQuerySlow",
            "s",
        ),
        _target(
            "Connections, below 70 %",
            "Taken of those that ordinary users can have, of the fullest database.",
            _of("service_name:postgres_connections:ratio"),
            0.7,
            "DatabasePoolSaturated",
        ),
        _target(
            "Jobs waiting, below 50",
            "In the longest queue.",
            _of("service_queue:queue_jobs:waiting"),
            50,
            "QueueBacklog",
            "short",
        ),
        _target(
            "Oldest job, below 1 min",
            "How long the first in line has waited.",
            _of("prunella_queue_oldest_job_age_seconds", ',state=~"waiting|prioritized"'),
            60,
            "QueueOldestJobStale",
            "s",
        ),
        Panel(
            "stat",
            "Cache hits, above 90 %",
            "Of the reads of the Redis with the fewest, over fifteen minutes.",
            (Query(f"min({_HITS} / ({_HITS} + {_MISSES} > 0))"),),
            unit="percentunit",
            lines=lines("CacheHitRateLow"),
            falls=True,
            width=4,
            height=4,
        ),
        _target(
            "Memory, below 80 %",
            "In use, of the fullest machine.",
            _of("instance:node_memory:used_ratio"),
            0.8,
            "HostMemoryHigh",
        ),
        _target(
            "Processors, below 75 %",
            "Of the busiest machine, over five minutes.",
            _of("instance:node_cpu:used_ratio_rate5m"),
            0.75,
            "HostCpuHigh",
        ),
        _target(
            "Disks, below 75 %",
            "The fullest one.",
            _of("instance_mountpoint:node_filesystem:used_ratio"),
            0.75,
            "DiskUsageHigh",
        ),
    ),
)
