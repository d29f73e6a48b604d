"""Requests, errors and durations of each service, by route, and what it waits for."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.panel import Panel, Query, lines

SERVICE = Board(
    "service",
    "service",
    "Requests, errors and durations of each service, by route, and what it waits for.",
    rows=(
        Row(
            "Users",
            (
                Panel(
                    "timeseries",
                    "Requests by status",
                    "Requests a second by class of status.",
                    (
                        Query(
                            'sum by (service, status) (rate(http_requests_total{service=~"$service"}[$__rate_interval]))',
                            "{{service}} {{status}}",
                        ),
                    ),
                    unit="reqps",
                    stacked=True,
                ),
                Panel(
                    "timeseries",
                    "Share of failed requests",
                    "Answered with a 5xx, over five minutes.",
                    (
                        Query(
                            'service:http_request_errors_per_request:ratio_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("HighErrorRate"),
                ),
                Panel(
                    "timeseries",
                    "Share of rejected requests",
                    "Answered with 429 by a rate limiter, over five minutes.",
                    (
                        Query(
                            'service:http_requests_rejected_per_request:ratio_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("RateLimiterRejecting"),
                ),
                Panel(
                    "timeseries",
                    "Average and p95",
                    "The average request and the slowest of twenty.",
                    (
                        Query(
                            'service:http_request_duration_seconds:mean_rate5m{service=~"$service"}',
                            "{{service}} average",
                        ),
                        Query(
                            'service:http_request_duration_seconds:p95_rate5m{service=~"$service"}',
                            "{{service}} p95",
                        ),
                    ),
                    unit="s",
                    lines=lines("HighLatencyP95"),
                ),
                Panel(
                    "timeseries",
                    "p99",
                    "The slowest request of a hundred.",
                    (
                        Query(
                            'service:http_request_duration_seconds:p99_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("HighLatencyP99"),
                ),
                Panel(
                    "heatmap",
                    "How long requests take",
                    "How many requests took how long.",
                    (
                        Query(
                            'sum by (le) (increase(http_request_duration_seconds_bucket{service=~"$service"}[$__rate_interval]))',
                            "{{le}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Routes",
            (
                Panel(
                    "bargauge",
                    "Slowest routes",
                    "The slowest request of twenty, of the ten slowest routes.",
                    (
                        Query(
                            'topk(10, service_route:http_request_duration_seconds:p95_rate5m{service=~"$service"})',
                            "{{service}} {{route}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("SlowApiRoute"),
                    width=12,
                ),
                Panel(
                    "bargauge",
                    "Failing routes",
                    "Failed requests of the last hour, of the ten worst routes.",
                    (
                        Query(
                            'topk(10, sum by (service, route) (increase(http_requests_total{service=~"$service",status=~"5.."}[1h])) > 0)',
                            "{{service}} {{route}}",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
        Row(
            "Inside",
            (
                Panel(
                    "timeseries",
                    "What it waits for",
                    "The slowest of twenty of what the timers measure: queries, calls, generations.",
                    (
                        Query(
                            'service_kind_name:app_operation_seconds:p95_rate5m{service=~"$service"}',
                            "{{service}} {{kind}} {{name}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Errors by kind",
                    "Tracked errors an hour, by their fingerprints; the ten most frequent.",
                    (
                        Query(
                            'topk(10, sum by (service, fingerprint) (increase(app_errors_total{service=~"$service"}[1h])))',
                            "{{service}} {{fingerprint}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Event loop",
                    "How late the loop runs what is due, and one of a hundred pauses of the garbage collector.",
                    (
                        Query(
                            'max by (service, instance) (event_loop_lag_seconds{service=~"$service",instance=~"$instance"})',
                            "{{service}} {{instance}}",
                        ),
                        Query(
                            'histogram_quantile(0.99, sum by (service, le) (rate(app_gc_pause_seconds_bucket{service=~"$service",instance=~"$instance"}[$__rate_interval])))',
                            "{{service}} garbage collector",
                        ),
                    ),
                    unit="s",
                    lines=lines("EventLoopLagHigh"),
                ),
                Panel(
                    "timeseries",
                    "Requests in progress",
                    "Being served at this moment.",
                    (
                        Query(
                            'sum by (service) (http_requests_in_progress{service=~"$service"})',
                            "{{service}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Memory and its limit",
                    "Resident memory of the processes of the service beside their limit, as the exporter and as the app itself sees it.",
                    (
                        Query(
                            'max by (service, name) (prunella_process_resident_memory_bytes{service=~"$service"})',
                            "{{name}}",
                        ),
                        Query(
                            'min by (service, name) (prunella_process_memory_limit_bytes{service=~"$service"})',
                            "{{name}} limit",
                        ),
                        Query(
                            'max by (service, instance) (process_resident_memory_bytes{service=~"$service",instance=~"$instance"})',
                            "{{service}} {{instance}}",
                        ),
                        Query(
                            'min by (service, instance) (app_memory_limit_bytes{service=~"$service",instance=~"$instance"})',
                            "{{service}} {{instance}} limit",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "timeseries",
                    "Traffic beside a week ago",
                    "Requests a second now, and at the same time a week ago.",
                    (
                        Query(
                            'sum by (service) (service:http_requests:rate5m{service=~"$service"} offset 1w)',
                            "{{service}} a week ago",
                        ),
                        Query('service:http_requests:rate5m{service=~"$service"}', "{{service}}"),
                    ),
                    unit="reqps",
                ),
            ),
        ),
    ),
)
