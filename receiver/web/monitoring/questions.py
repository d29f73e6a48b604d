"""What is asked of Prometheus, by the name under which it is answered. `$p` is the period.

Quantiles of a period are made from recorded rates of buckets, because those of shorter times cannot be averaged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

PERIODS = ("1h", "24h", "7d")
MILLISECONDS, PERCENT = 1000.0, 100.0

# name: expression, and what its value is multiplied with
Questions = Mapping[str, tuple[str, float]]

_HTTP = "service_le:http_request_duration_seconds_bucket:rate5m"
_HITS = "sum(increase(redis_keyspace_hits_total[$p]))"
_MISSES = "sum(increase(redis_keyspace_misses_total[$p]))"
_TIMED = "service_kind_le:app_operation_seconds_bucket:rate5m"


def _quantile(share: str, series: str) -> str:
    return f"histogram_quantile({share}, sum by (le) (avg_over_time({series}[$p]))) >= 0"


def _kind(kind: str) -> str:
    return _quantile("0.95", f'{_TIMED}{{kind="{kind}"}}')


def _per(counter: str, other: str) -> str:
    """How much of the one for each of the other."""
    return f"sum(increase({counter}[$p])) / (sum(increase({other}[$p])) > 0)"


def _part(rate: str, whole: str) -> str:
    """The same of recorded rates."""
    return f"sum(avg_over_time({rate}[$p])) / (sum(avg_over_time({whole}[$p])) > 0)"


ERRORS: Questions = {
    "total": ("sum(increase(app_errors_total[$p]))", 1),
    "critical": (
        'sum(increase(app_errors_total{severity="critical"}[$p])) or sum(increase(app_errors_total[$p])) * 0',
        1,
    ),
    "failedRequests": (
        'sum(increase(http_requests_total{status=~"5.."}[$p])) or sum(increase(http_requests_total[$p])) * 0',
        1,
    ),
    "rate": (
        _part("service:http_request_errors:rate5m", "service:http_requests:rate5m"),
        PERCENT,
    ),
}
PERFORMANCE: Questions = {
    "requests": ("sum(increase(http_requests_total[$p]))", 1),
    "average": (
        _per("http_request_duration_seconds_sum", "http_request_duration_seconds_count"),
        MILLISECONDS,
    ),
    "p50": (_quantile("0.5", _HTTP), MILLISECONDS),
    "p95": (_quantile("0.95", _HTTP), MILLISECONDS),
    "p99": (_quantile("0.99", _HTTP), MILLISECONDS),
    "max": (_quantile("1", _HTTP), MILLISECONDS),
    # an app that times no routes of its own has the kit's middleware, or any that counts under the same names
    "routeP95": (f"({_kind('route')}) or ({_quantile('0.95', _HTTP)})", MILLISECONDS),
    "apiP95": (_kind("api"), MILLISECONDS),
    "dbP95": (_kind("db"), MILLISECONDS),
    "externalP95": (_kind("external"), MILLISECONDS),
}
UPTIME: Questions = {"overall": ("avg(avg_over_time(service:probe_success:ratio[$p]))", PERCENT)}
SERVICES: Questions = {  # a value for each service
    "now": ("service:probe_success:ratio", 1),
    "uptime": ("avg_over_time(service:probe_success:ratio[$p])", PERCENT),
    "responseTime": ("avg by (service) (avg_over_time(probe_duration_seconds[5m]))", MILLISECONDS),
}
DATABASE: Questions = {
    "connectionsUsed": ("sum(service_name:postgres_connections:used)", 1),
    "connectionsUsable": ("sum(service_name:postgres_connections:usable)", 1),
    "poolPercent": ("max(service_name:postgres_connections:ratio)", PERCENT),
    "queryP95": ("max(service_name:db_query_seconds:p95_rate5m) >= 0", MILLISECONDS),
    "sizeBytes": ("sum(max by (service, name, datname) (pg_database_size_bytes))", 1),
    "deadlocks": ("sum(increase(pg_stat_database_deadlocks[$p]))", 1),
}
CACHE: Questions = {
    "hitPercent": (
        f"{_HITS} / (({_HITS} + {_MISSES}) > 0)",
        PERCENT,
    ),
    "memoryUsedBytes": ("sum(redis_memory_used_bytes)", 1),
    "keys": ("sum(redis_db_keys)", 1),
    "evictedKeys": ("sum(increase(redis_evicted_keys_total[$p]))", 1),
    "clients": ("sum(redis_connected_clients)", 1),
}
USAGE: Questions = {
    "requestsPerSecond": ("sum(service:http_requests:rate5m)", 1),
    "cpuPercent": ("max(instance:node_cpu:used_ratio_rate5m)", PERCENT),
    "memoryPercent": ("max(instance:node_memory:used_ratio)", PERCENT),
    "diskPercent": ("max(instance_mountpoint:node_filesystem:used_ratio)", PERCENT),
    "jobsWaiting": ("sum(service_queue:queue_jobs:waiting)", 1),
}


def of_period(questions: Questions, period: str) -> Iterator[tuple[str, str, float]]:
    """Name, expression and factor."""
    for name, (expr, factor) in questions.items():
        yield name, expr.replace("$p", period), factor
