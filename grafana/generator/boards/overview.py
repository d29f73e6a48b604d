"""Is anything wrong, do users feel it, what does it run on, and what was done about it."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import (
    ACTIONS,
    ANSWERED,
    CPU,
    HEARTBEAT,
    MEMORY,
    REFUSALS,
    TIME_TO_HEAL,
    up_over_time,
)
from grafana.generator.panel import Panel, Query, lines

OVERVIEW = Board(
    "overview",
    "overview",
    "Is anything wrong, do users feel it, what does it run on, and what was done about it.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "stat",
                    "Critical alerts",
                    "Alerts that wake somebody, firing now.",
                    (
                        Query(
                            'count(ALERTS{alertstate="firing",severity="critical",service=~"$service"}) or vector(0)'
                        ),
                    ),
                    lines=[(1, "red")],
                    width=4,
                    height=4,
                ),
                Panel(
                    "stat",
                    "Warnings",
                    "Alerts for working hours, firing now.",
                    (
                        Query(
                            'count(ALERTS{alertstate="firing",severity="warning",service=~"$service"}) or vector(0)'
                        ),
                    ),
                    lines=[(1, "orange")],
                    width=4,
                    height=4,
                ),
                Panel(
                    "stat",
                    "Endpoints up",
                    "The share of probed endpoints that answer as they should.",
                    (Query('avg(service:probe_success:ratio{service=~"$service"})'),),
                    unit="percentunit",
                    lines=[(0.99, "red")],
                    falls=True,
                    width=4,
                    height=4,
                ),
                Panel(
                    "stat",
                    "Open incidents",
                    "Incidents that are neither healed nor closed.",
                    (Query('sum(prunella_incidents{state!~"RESOLVED|EXPIRED"})'),),
                    lines=[(1, "orange")],
                    width=4,
                    height=4,
                ),
                Panel(
                    "stat",
                    "Repairs in 24 h",
                    "Actions that Prunella ran in the last day.",
                    (Query("sum(increase(prunella_actions_total[24h])) or vector(0)"),),
                    width=4,
                    height=4,
                ),
                replace(
                    HEARTBEAT,
                    title="Last heartbeat",
                    about="How long ago the heartbeat of Alertmanager reached the receiver: above five minutes nothing does.",
                    width=4,
                    height=4,
                ),
                Panel(
                    "table",
                    "Firing alerts",
                    "What fires now; its runbook is at /runbooks/<alertname> of the receiver.",
                    (Query('ALERTS{alertstate="firing",severity!="none",service=~"$service"}'),),
                    height=7,
                ),
                Panel(
                    "state-timeline",
                    "Alerts over time",
                    "Which alert fired when: red ones wake somebody, orange ones wait for the morning.",
                    (
                        Query(
                            'max by (service, alertname) (ALERTS{alertstate="firing",severity="critical",service=~"$service"}) * 2 or max by (service, alertname) (ALERTS{alertstate="firing",severity="warning",service=~"$service"})',
                            "{{alertname}} {{service}}",
                        ),
                    ),
                    values={
                        "1": {"text": "warning", "color": "orange"},
                        "2": {"text": "critical", "color": "red"},
                    },
                    height=7,
                ),
                replace(ANSWERED, height=7),
            ),
        ),
        Row(
            "What users feel",
            (
                Panel(
                    "timeseries",
                    "Requests",
                    "Requests a second.",
                    (
                        Query(
                            'sum by (service) (rate(http_requests_total{service=~"$service"}[$__rate_interval]))',
                            "{{service}}",
                        ),
                    ),
                    unit="reqps",
                ),
                Panel(
                    "timeseries",
                    "Failed requests",
                    "The share of requests answered with a 5xx, over five minutes and over one.",
                    (
                        Query(
                            'service:http_request_errors_per_request:ratio_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                        Query(
                            'service:http_request_errors_per_request:ratio_rate1m{service=~"$service"}',
                            "{{service}}, 1 min",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("HighErrorRate"),
                ),
                Panel(
                    "timeseries",
                    "Latency",
                    "The average request, the slowest of twenty, and the slowest of a hundred.",
                    (
                        Query(
                            'service:http_request_duration_seconds:mean_rate5m{service=~"$service"}',
                            "{{service}} average",
                        ),
                        Query(
                            'service:http_request_duration_seconds:p95_rate5m{service=~"$service"}',
                            "{{service}} p95",
                        ),
                        Query(
                            'service:http_request_duration_seconds:p99_rate5m{service=~"$service"}',
                            "{{service}} p99",
                        ),
                    ),
                    unit="s",
                    lines=lines("HighLatencyP95"),
                ),
            ),
        ),
        Row(
            "What they run on",
            (
                MEMORY,
                CPU,
                Panel(
                    "timeseries",
                    "Machine",
                    "Memory and processors of each machine.",
                    (
                        Query(
                            'instance:node_memory:used_ratio{service=~"$service"}',
                            "{{instance}} memory",
                        ),
                        Query(
                            'instance:node_cpu:used_ratio_rate5m{service=~"$service"}',
                            "{{instance}} processors",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("HostMemoryHigh"),
                ),
                Panel(
                    "bargauge",
                    "Disks",
                    "How full each one is.",
                    (
                        Query(
                            'instance_mountpoint:node_filesystem:used_ratio{service=~"$service"}',
                            "{{instance}} {{mountpoint}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("DiskUsageHigh"),
                    most=1.0,
                    height=7,
                ),
                replace(
                    up_over_time(
                        "Redis",
                        "Red is when it did not answer.",
                        Query('max by (service, name) (redis_up{service=~"$service"})', "{{name}}"),
                    ),
                    height=7,
                ),
                Panel(
                    "timeseries",
                    "Restarts of processes",
                    "By their managers or by Prunella, in an hour.",
                    (
                        Query(
                            'sum by (service, name) (increase(prunella_process_restarts_total{service=~"$service"}[1h]))',
                            "{{name}}",
                        ),
                    ),
                    height=7,
                ),
            ),
        ),
        Row(
            "What Prunella did",
            (
                ACTIONS,
                REFUSALS,
                TIME_TO_HEAL,
            ),
        ),
    ),
)
