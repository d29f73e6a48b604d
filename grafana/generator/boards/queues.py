"""What waits, what is done, and who works, of every queue."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import up_over_time
from grafana.generator.panel import Panel, Query, lines

QUEUES = Board(
    "queues",
    "job queues",
    "What waits, what is done, and who works, of every queue.",
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "bargauge",
                    "Waiting",
                    "Jobs in line, prioritized ones included.",
                    (Query('service_queue:queue_jobs:waiting{service=~"$service"}', "{{queue}}"),),
                    lines=lines("QueueBacklog"),
                    width=6,
                ),
                Panel(
                    "bargauge",
                    "Oldest job",
                    "How long the one that has waited longest has waited.",
                    (
                        Query(
                            'max by (service, system, queue) (prunella_queue_oldest_job_age_seconds{service=~"$service",state=~"waiting|prioritized"})',
                            "{{queue}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("QueueOldestJobStale"),
                    width=6,
                ),
                Panel(
                    "bargauge",
                    "Workers",
                    "Who works on it, where the system says so.",
                    (
                        Query(
                            'max by (service, system, queue) (prunella_queue_workers{service=~"$service"})',
                            "{{queue}}",
                        ),
                    ),
                    width=6,
                ),
                Panel(
                    "bargauge",
                    "Stalled",
                    "Held by a worker that is no more.",
                    (
                        Query(
                            'max by (service, system, queue) (prunella_queue_stalled_jobs{service=~"$service"})',
                            "{{queue}}",
                        ),
                    ),
                    lines=[(1, "red")],
                    width=6,
                ),
            ),
        ),
        Row(
            "Over time",
            (
                Panel(
                    "timeseries",
                    "Jobs by state",
                    "All that are not finished.",
                    (
                        Query(
                            'sum by (service, queue, state) (prunella_queue_jobs{service=~"$service",state!~"completed|failed"})',
                            "{{queue}} {{state}}",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "timeseries",
                    "Done",
                    "Completed and failed a minute.",
                    (
                        Query(
                            'sum by (service, system, queue) (rate(prunella_queue_completed_total{service=~"$service"}[$__rate_interval])) * 60',
                            "{{queue}} completed",
                        ),
                        Query(
                            'sum by (service, system, queue) (rate(prunella_queue_failed_total{service=~"$service"}[$__rate_interval])) * 60',
                            "{{queue}} failed",
                        ),
                    ),
                    width=12,
                ),
                Panel(
                    "timeseries",
                    "Share of failed jobs",
                    "Of those that ended within fifteen minutes, where five or more failed.",
                    (
                        Query(
                            'service_queue:queue_failures_per_job:ratio_increase15m{service=~"$service"}',
                            "{{queue}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("QueueFailureRateHigh"),
                ),
                Panel(
                    "state-timeline",
                    "Paused",
                    "Yellow is when a queue was paused.",
                    (
                        Query(
                            'max by (service, system, queue) (prunella_queue_paused{service=~"$service"})',
                            "{{queue}}",
                        ),
                    ),
                    values={
                        "0": {"text": "running", "color": "green"},
                        "1": {"text": "paused", "color": "yellow"},
                    },
                ),
                up_over_time(
                    "What keeps them",
                    "Whether Redis or PostgreSQL behind the queues answered.",
                    Query(
                        'min by (service, system) (prunella_queue_source_up{service=~"$service"})',
                        "{{service}} {{system}}",
                    ),
                ),
            ),
        ),
    ),
)
