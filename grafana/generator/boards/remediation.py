"""What Prunella does, what it refuses and why, how long it takes, and whether it helps."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import ACTIONS, REFUSALS, TIME_TO_ACT, TIME_TO_HEAL
from grafana.generator.panel import Panel, Query

REMEDIATION = Board(
    "remediation",
    "remediation",
    "What Prunella does, what it refuses and why, how long it takes, and whether it helps.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "stat",
                    "Incidents by state",
                    "Those that are open or ended lately.",
                    (Query("sum by (state) (prunella_incidents)", "{{state}}"),),
                    width=12,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Helped",
                    "The share of verdicts of the last day that say recovered.",
                    (
                        Query(
                            'sum(increase(prunella_verdicts_total{verdict="recovered"}[1d])) / (sum(increase(prunella_verdicts_total[1d])) > 0)'
                        ),
                    ),
                    unit="percentunit",
                    width=6,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Frozen",
                    "What a limit, the breaker or a storm has shut.",
                    (Query("sum by (kind) (prunella_frozen_scopes)", "{{kind}}"),),
                    lines=[(1, "orange")],
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            "Actions",
            (
                replace(ACTIONS, title="Actions by result", about="In an hour."),
                replace(REFUSALS, title="Refusals by reason"),
                Panel(
                    "timeseries",
                    "Verdicts by playbook",
                    "What the proof said, in an hour.",
                    (
                        Query(
                            "sum by (playbook, verdict) (increase(prunella_verdicts_total[1h])) > 0",
                            "{{playbook}} {{verdict}}",
                        ),
                    ),
                ),
                Panel(
                    "bargauge",
                    "Effectiveness",
                    "The share of recovered among the verdicts of thirty days, by playbook.",
                    (
                        Query(
                            'sum by (playbook) (increase(prunella_verdicts_total{verdict="recovered"}[30d])) / (sum by (playbook) (increase(prunella_verdicts_total[30d])) > 0)',
                            "{{playbook}}",
                        ),
                    ),
                    unit="percentunit",
                    most=1.0,
                ),
                TIME_TO_ACT,
                TIME_TO_HEAL,
            ),
        ),
        Row(
            "Noise",
            (
                Panel(
                    "bargauge",
                    "Alerts that fired most",
                    "Minutes that each alert fired within a day, the ten longest.",
                    (
                        Query(
                            'topk(10, sum by (alertname) (count_over_time(ALERTS{alertstate="firing",severity=~"warning|critical",service=~"$service"}[1d:1m])))',
                            "{{alertname}}",
                        ),
                    ),
                    unit="m",
                    width=12,
                ),
                Panel(
                    "timeseries",
                    "Alerts received",
                    "In an hour, by status and kind.",
                    (
                        Query(
                            "sum by (status, kind) (increase(prunella_alerts_total[1h]))",
                            "{{status}} {{kind}}",
                        ),
                    ),
                    width=12,
                ),
            ),
        ),
    ),
)
