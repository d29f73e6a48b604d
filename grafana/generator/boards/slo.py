"""How much of what each service may fail is left, how fast it is used up, and how long endpoints were up."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import ANSWERED
from grafana.generator.boards.targets import TARGETS
from grafana.generator.panel import Panel, Query, lines

SLO = Board(
    "slo",
    "objectives and uptime",
    "How much of what each service may fail is left, how fast it is used up, and how long endpoints were up.",
    rows=(
        TARGETS,
        Row(
            "What is left",
            (
                Panel(
                    "stat",
                    "Budget left",
                    "The share of the failures allowed in thirty days that is still left; below zero the objective is missed.",
                    (Query('service:slo_error_budget:ratio{service=~"$service"}', "{{service}}"),),
                    unit="percentunit",
                    lines=[(0.0, "red"), (0.25, "orange")],
                    falls=True,
                    width=12,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Objective",
                    "The share of requests that must not fail.",
                    (Query('service:slo_objective:ratio{service=~"$service"}', "{{service}}"),),
                    unit="percentunit",
                    width=12,
                    height=5,
                ),
            ),
        ),
        Row(
            "How fast it burns",
            (
                Panel(
                    "timeseries",
                    "Burn over 1h",
                    "How many times too fast the budget burns over 1h: at the line somebody is told.",
                    (
                        Query(
                            'service:slo_errors_per_request:ratio_rate1h{service=~"$service"} / on (service) (1 - service:slo_objective:ratio)',
                            "{{service}}",
                        ),
                    ),
                    lines=lines("ErrorBudgetBurn", "page_fast"),
                    width=6,
                ),
                Panel(
                    "timeseries",
                    "Burn over 6h",
                    "How many times too fast the budget burns over 6h: at the line somebody is told.",
                    (
                        Query(
                            'service:slo_errors_per_request:ratio_rate6h{service=~"$service"} / on (service) (1 - service:slo_objective:ratio)',
                            "{{service}}",
                        ),
                    ),
                    lines=lines("ErrorBudgetBurn", "page_slow"),
                    width=6,
                ),
                Panel(
                    "timeseries",
                    "Burn over 1d",
                    "How many times too fast the budget burns over 1d: at the line somebody is told.",
                    (
                        Query(
                            'service:slo_errors_per_request:ratio_rate1d{service=~"$service"} / on (service) (1 - service:slo_objective:ratio)',
                            "{{service}}",
                        ),
                    ),
                    lines=lines("ErrorBudgetBurn", "ticket_fast"),
                    width=6,
                ),
                Panel(
                    "timeseries",
                    "Burn over 3d",
                    "How many times too fast the budget burns over 3d: at the line somebody is told.",
                    (
                        Query(
                            'service:slo_errors_per_request:ratio_rate3d{service=~"$service"} / on (service) (1 - service:slo_objective:ratio)',
                            "{{service}}",
                        ),
                    ),
                    lines=lines("ErrorBudgetBurn", "ticket_slow"),
                    width=6,
                ),
            ),
        ),
        Row(
            "Uptime",
            (
                Panel(
                    "stat",
                    "Up in thirty days",
                    "The share of successful probes of the last thirty days.",
                    (
                        Query(
                            'service:probe_success:ratio_avg30d{service=~"$service"}', "{{service}}"
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("UptimeBelowObjective"),
                    falls=True,
                    height=5,
                ),
                Panel(
                    "bargauge",
                    "Up in seven days",
                    "By endpoint.",
                    (
                        Query(
                            'avg by (service, endpoint) (avg_over_time(probe_success{service=~"$service"}[7d]))',
                            "{{service}} {{endpoint}}",
                        ),
                    ),
                    unit="percentunit",
                    most=1.0,
                    height=5,
                ),
                Panel(
                    "bargauge",
                    "Up in ninety days",
                    "By endpoint, as far as Prometheus remembers.",
                    (
                        Query(
                            'avg by (service, endpoint) (avg_over_time(probe_success{service=~"$service"}[90d]))',
                            "{{service}} {{endpoint}}",
                        ),
                    ),
                    unit="percentunit",
                    most=1.0,
                    height=5,
                ),
                replace(ANSWERED, title="Endpoints over time", width=24),
            ),
        ),
    ),
)
