"""Generations by model, and what the apps call outside."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.panel import Panel, Query, lines

AI = Board(
    "ai",
    "AI and external services",
    "Generations by model, and what the apps call outside.",
    rows=(
        Row(
            "Models",
            (
                Panel(
                    "timeseries",
                    "Generations",
                    "Ended a minute, by outcome.",
                    (
                        Query(
                            'sum by (service, model, outcome) (rate(ai_generation_seconds_count{service=~"$service"}[$__rate_interval])) * 60',
                            "{{model}} {{outcome}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Duration p95",
                    "The slowest generation of twenty.",
                    (
                        Query(
                            'histogram_quantile(0.95, sum by (service, model, le) (rate(ai_generation_seconds_bucket{service=~"$service"}[10m])))',
                            "{{model}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("AiGenerationSlow"),
                ),
                Panel(
                    "timeseries",
                    "Oldest in flight",
                    "How long the oldest generation that has not ended has run.",
                    (
                        Query(
                            'time() - (min by (service, model) (ai_generation_oldest_inflight_timestamp_seconds{service=~"$service"} > 0))',
                            "{{model}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("AiGenerationStuck"),
                ),
                Panel(
                    "timeseries",
                    "Share of failed generations",
                    "Over ten minutes.",
                    (
                        Query(
                            'sum by (service, model) (rate(ai_generation_seconds_count{service=~"$service",outcome="error"}[10m])) / sum by (service, model) (rate(ai_generation_seconds_count{service=~"$service"}[10m]))',
                            "{{model}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("AiErrorRateHigh"),
                ),
            ),
        ),
        Row(
            "External services",
            (
                Panel(
                    "timeseries",
                    "Calls",
                    "A second, by what is called.",
                    (
                        Query(
                            'sum by (service, name, outcome) (rate(app_operation_seconds_count{service=~"$service",kind=~"external|ai"}[$__rate_interval]))',
                            "{{name}} {{outcome}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Calls p95",
                    "The slowest call of twenty.",
                    (
                        Query(
                            'service_kind_name:app_operation_seconds:p95_rate5m{service=~"$service",kind=~"external|ai"}',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Failed calls",
                    "The share that ended with an error, over five minutes.",
                    (
                        Query(
                            'service_kind_name:app_operation_seconds:error_ratio_rate5m{service=~"$service",kind=~"external|ai"}',
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                ),
            ),
        ),
    ),
)
