"""What serves since when, how young releases compare with what was before them, and what was rolled back."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.panel import Panel, Query

RELEASES = Board(
    "releases",
    "releases and launch watch",
    "What serves since when, how young releases compare with what was before them, and what was rolled back.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "table",
                    "What serves",
                    "The release of each target, and since when.",
                    (
                        Query(
                            'max by (service, target, version) (prunella_release_timestamp_seconds{service=~"$service"}) * 1000'
                        ),
                    ),
                    unit="dateTimeAsIso",
                    width=12,
                ),
                Panel(
                    "stat",
                    "Launch watch",
                    "Which phase of its watch a release is in; none is 0.",
                    (
                        Query(
                            'max by (service, target, version) (prunella_launch_phase{service=~"$service"})',
                            "{{target}} {{version}}",
                        ),
                    ),
                    width=6,
                ),
                Panel(
                    "stat",
                    "Deploys held",
                    "Targets whose deploys a rollback has held.",
                    (
                        Query(
                            'sum by (service, target) (prunella_deploys_frozen{service=~"$service"})',
                            "{{target}}",
                        ),
                    ),
                    lines=[(1, "orange")],
                    width=6,
                ),
            ),
        ),
        Row(
            "While it is young",
            (
                Panel(
                    "timeseries",
                    "Errors and their limit",
                    "The share of failed requests, beside what the watch allows.",
                    (
                        Query(
                            'service:http_request_errors_per_request:ratio_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                        Query(
                            'max by (service, target) (prunella_launch_limit{service=~"$service",signal="errors"})',
                            "{{target}} limit",
                        ),
                    ),
                    unit="percentunit",
                ),
                Panel(
                    "timeseries",
                    "p95 and its limit",
                    "The slowest request of twenty, beside what the watch allows.",
                    (
                        Query(
                            'service:http_request_duration_seconds:p95_rate5m{service=~"$service"}',
                            "{{service}}",
                        ),
                        Query(
                            'max by (service, target) (prunella_launch_limit{service=~"$service",signal="p95"})',
                            "{{target}} limit",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Baseline",
                    "What every signal was before the deploy.",
                    (
                        Query(
                            'max by (service, target, signal) (prunella_launch_baseline{service=~"$service"})',
                            "{{target}} {{signal}}",
                        ),
                    ),
                ),
                Panel(
                    "state-timeline",
                    "Verdict",
                    "What the last checkpoint found.",
                    (
                        Query(
                            'max by (service, target, version) (prunella_launch_verdict{service=~"$service"})',
                            "{{target}} {{version}}",
                        ),
                    ),
                    values={
                        "0": {"text": "pass", "color": "green"},
                        "1": {"text": "inconclusive", "color": "yellow"},
                        "2": {"text": "degraded", "color": "red"},
                    },
                ),
            ),
        ),
        Row(
            "What went wrong",
            (
                Panel(
                    "timeseries",
                    "Rollbacks",
                    "Within a day, and how they ended.",
                    (
                        Query(
                            "sum by (target, result) (increase(prunella_rollbacks_total[1d]))",
                            "{{target}} {{result}}",
                        ),
                    ),
                ),
                Panel(
                    "state-timeline",
                    "Disputed",
                    "Whether what runs, the layout and the ledger contradict each other.",
                    (
                        Query(
                            'max by (service, target) (prunella_release_disputed{service=~"$service"})',
                            "{{target}}",
                        ),
                    ),
                    values={
                        "0": {"text": "agreed", "color": "green"},
                        "1": {"text": "disputed", "color": "red"},
                    },
                ),
                Panel(
                    "timeseries",
                    "Releases that nobody told of",
                    "Found running without a mark, within a day.",
                    (
                        Query(
                            "sum by (target) (increase(prunella_releases_detected_total[1d]))",
                            "{{target}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
