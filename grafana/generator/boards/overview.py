"""Is anything wrong, do users feel it, what does it run on, and what was done about it."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.panel import UP_AND_DOWN, Panel, Query, lines

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
                Panel(
                    "stat",
                    "Last heartbeat",
                    "How long ago the heartbeat of Alertmanager reached the receiver: above five minutes nothing does.",
                    (Query("time() - max(prunella_watchdog_last_received_timestamp_seconds > 0)"),),
                    unit="s",
                    lines=lines("WatchdogNotReceived"),
                    width=4,
                    height=4,
                ),
                Panel(
                    "table",
                    "Firing alerts",
                    "What fires now; its runbook is at /runbooks/<alertname> of the receiver.",
                    (Query('ALERTS{alertstate="firing",severity!="none",service=~"$service"}'),),
                    width=12,
                    height=7,
                ),
                Panel(
                    "state-timeline",
                    "Endpoints",
                    "Red is when an endpoint did not answer as it should.",
                    (
                        Query(
                            'max by (service, endpoint) (probe_success{service=~"$service"})',
                            "{{service}} {{endpoint}}",
                        ),
                    ),
                    values=UP_AND_DOWN,
                    width=12,
                    height=7,
                ),
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
                Panel(
                    "timeseries",
                    "Memory of processes",
                    "Of the limit that each process has.",
                    (Query('service_name:process_memory:ratio{service=~"$service"}', "{{name}}"),),
                    unit="percentunit",
                    lines=lines("ProcessMemoryHigh"),
                ),
                Panel(
                    "timeseries",
                    "CPU of processes",
                    "Processors in use by each.",
                    (
                        Query(
                            'sum by (service, name) (rate(prunella_process_cpu_seconds_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}}",
                        ),
                    ),
                ),
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
                Panel(
                    "state-timeline",
                    "Redis",
                    "Red is when it did not answer.",
                    (Query('max by (service, name) (redis_up{service=~"$service"})', "{{name}}"),),
                    values=UP_AND_DOWN,
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
                Panel(
                    "timeseries",
                    "Repairs",
                    "Actions in an hour, and how they ended.",
                    (
                        Query(
                            "sum by (playbook, action, result) (increase(prunella_actions_total[1h])) > 0",
                            "{{playbook}}: {{action}} {{result}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Refusals",
                    "Why it did not act, in an hour.",
                    (
                        Query(
                            "sum by (reason) (increase(prunella_refusals_total[1h])) > 0",
                            "{{reason}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Time to heal",
                    "From the first firing to the proof, over a day.",
                    (
                        Query(
                            "histogram_quantile(0.5, sum by (le) (increase(prunella_time_to_heal_seconds_bucket[1d])))",
                            "median",
                        ),
                        Query(
                            "histogram_quantile(0.95, sum by (le) (increase(prunella_time_to_heal_seconds_bucket[1d])))",
                            "p95",
                        ),
                    ),
                    unit="s",
                ),
            ),
        ),
    ),
)
