"""Whether the way from a metric to a person is whole."""

from __future__ import annotations

from dataclasses import replace

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import HEARTBEAT, up_now
from grafana.generator.panel import Panel, Query, lines

PIPELINE = Board(
    "pipeline",
    "pipeline and notifications",
    "Whether the way from a metric to a person is whole.",
    rows=(
        Row(
            "Now",
            (
                replace(HEARTBEAT, width=6, height=5),
                Panel(
                    "stat",
                    "Targets down",
                    "Whatever Prometheus cannot scrape.",
                    (Query("count(up == 0) or vector(0)"),),
                    lines=[(1, "orange")],
                    width=6,
                    height=5,
                ),
                up_now(
                    "Journal",
                    "Whether it took the last write.",
                    Query("min by (instance) (prunella_journal_up)", "{{instance}}"),
                ),
                Panel(
                    "stat",
                    "Oldest message",
                    "That waits for a channel.",
                    (
                        Query(
                            "time() - (max by (channel) (prunella_outbox_oldest_timestamp_seconds) > 0) or max by (channel) (prunella_outbox_oldest_timestamp_seconds)",
                            "{{channel}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("NotificationQueueStuck"),
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            "Notifications",
            (
                Panel(
                    "timeseries",
                    "Messages",
                    "In an hour, by channel and result.",
                    (
                        Query(
                            "sum by (channel, result) (increase(prunella_notifications_total[1h])) > 0",
                            "{{channel}} {{result}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Share of failed attempts",
                    "By channel, over fifteen minutes.",
                    (
                        Query(
                            'sum by (channel) (increase(prunella_notifications_total{result!="ok"}[15m])) / (sum by (channel) (increase(prunella_notifications_total[15m])) > 0)',
                            "{{channel}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("NotificationDeliveryFailing"),
                ),
                Panel(
                    "timeseries",
                    "Deliveries",
                    "Of Alertmanager to the receiver, a minute.",
                    (
                        Query(
                            "sum by (result) (rate(prunella_deliveries_total[$__rate_interval])) * 60",
                            "{{result}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Alertmanager and Prometheus",
            (
                Panel(
                    "timeseries",
                    "Alertmanager's notifications",
                    "A minute, and those that failed.",
                    (
                        Query(
                            "sum by (integration) (rate(alertmanager_notifications_total[$__rate_interval])) * 60",
                            "{{integration}}",
                        ),
                        Query(
                            "sum by (integration) (rate(alertmanager_notifications_failed_total[$__rate_interval])) * 60",
                            "{{integration}} failed",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Rule evaluation",
                    "How long each group takes.",
                    (
                        Query(
                            "max by (rule_group) (prometheus_rule_group_last_duration_seconds)",
                            "{{rule_group}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Scrapes",
                    "How long each target takes.",
                    (
                        Query(
                            "max by (job, instance) (scrape_duration_seconds)",
                            "{{job}} {{instance}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Collectors",
                    "How long each collector of the exporter takes.",
                    (
                        Query(
                            "max by (collector) (prunella_scrape_collector_duration_seconds)",
                            "{{collector}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "state-timeline",
                    "Collectors that cannot read",
                    "Red is when one could not read all that it should.",
                    (
                        Query(
                            "min by (collector) (prunella_scrape_collector_success)",
                            "{{collector}}",
                        ),
                    ),
                    values={
                        "0": {"text": "incomplete", "color": "red"},
                        "1": {"text": "complete", "color": "green"},
                    },
                ),
                Panel(
                    "timeseries",
                    "What was missed",
                    "Alerts and resolves that were found only by asking Alertmanager, in an hour.",
                    (
                        Query(
                            "sum by (kind) (increase(prunella_reconcile_drift_total[1h]))",
                            "{{kind}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
