"""Panels that more than one dashboard shows, said once; `replace` gives one the title and the place that it has on a dashboard."""

from __future__ import annotations

from grafana.generator.panel import Panel, Query, lines

UP_AND_DOWN = {"0": {"text": "down", "color": "red"}, "1": {"text": "up", "color": "green"}}


def up_now(title: str, about: str, query: Query) -> Panel:
    """Green or red, by a series that is 1 or 0."""
    return Panel(
        "stat",
        title,
        about,
        (query,),
        lines=[(1, "green")],
        values=UP_AND_DOWN,
        width=6,
        height=5,
    )


def up_over_time(title: str, about: str, query: Query) -> Panel:
    """The same as a band of time."""
    return Panel("state-timeline", title, about, (query,), values=UP_AND_DOWN)


def _quantiles(histogram: str) -> tuple[Query, Query]:
    """The median and the 95th of a hundred, over a day."""
    buckets = f"sum by (le) (increase({histogram}_bucket[1d]))"
    return (
        Query(f"histogram_quantile(0.5, {buckets})", "median"),
        Query(f"histogram_quantile(0.95, {buckets})", "p95"),
    )


ANSWERED = up_over_time(
    "Endpoints",
    "Red is when an endpoint did not answer as it should.",
    Query(
        'max by (service, endpoint) (probe_success{service=~"$service"})',
        "{{service}} {{endpoint}}",
    ),
)
MEMORY = Panel(
    "timeseries",
    "Memory of processes",
    "Of the limit that each process has.",
    (Query('service_name:process_memory:ratio{service=~"$service"}', "{{name}}"),),
    unit="percentunit",
    lines=lines("ProcessMemoryHigh"),
)
CPU = Panel(
    "timeseries",
    "CPU of processes",
    "Processors in use by each.",
    (
        Query(
            'sum by (service, name) (rate(prunella_process_cpu_seconds_total{service=~"$service"}[$__rate_interval]))',
            "{{name}}",
        ),
    ),
)
ACTIONS = Panel(
    "timeseries",
    "Repairs",
    "Actions in an hour, and how they ended.",
    (
        Query(
            "sum by (playbook, action, result) (increase(prunella_actions_total[1h])) > 0",
            "{{playbook}}: {{action}} {{result}}",
        ),
    ),
)
REFUSALS = Panel(
    "timeseries",
    "Refusals",
    "Why it did not act, in an hour.",
    (
        Query(
            "sum by (reason) (increase(prunella_refusals_total[1h])) > 0",
            "{{reason}}",
        ),
    ),
)
TIME_TO_ACT = Panel(
    "timeseries",
    "Time to act",
    "From the alert's arrival to the beginning of the action, over a day.",
    _quantiles("prunella_time_to_act_seconds"),
    unit="s",
)
TIME_TO_HEAL = Panel(
    "timeseries",
    "Time to heal",
    "From the first firing to the proof, over a day.",
    _quantiles("prunella_time_to_heal_seconds"),
    unit="s",
)
HEARTBEAT = Panel(
    "stat",
    "Heartbeat",
    "How long ago Alertmanager's heartbeat reached the receiver.",
    (Query("time() - max(prunella_watchdog_last_received_timestamp_seconds > 0)"),),
    unit="s",
    lines=lines("WatchdogNotReceived"),
    width=6,
    height=5,
)
