"""Memory, hits, clients and commands of each Redis."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import up_now
from grafana.generator.panel import Panel, Query, lines

REDIS = Board(
    "redis",
    "Redis",
    "Memory, hits, clients and commands of each Redis.",
    rows=(
        Row(
            "Now",
            (
                up_now(
                    "Up",
                    "Whether it answered the last scrape.",
                    Query('max by (service, name) (redis_up{service=~"$service"})', "{{name}}"),
                ),
                Panel(
                    "stat",
                    "Memory used",
                    "Of `maxmemory`, where there is a limit; else in bytes it is in the graph below.",
                    (
                        Query(
                            'max by (service, name) (redis_memory_used_bytes{service=~"$service"}) / (max by (service, name) (redis_memory_max_bytes{service=~"$service"}) > 0)',
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("RedisMemoryHigh"),
                    width=6,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Clients",
                    "Connected now.",
                    (
                        Query(
                            'max by (service, name) (redis_connected_clients{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    width=6,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Up since",
                    "How long it has run.",
                    (
                        Query(
                            'max by (service, name) (redis_uptime_in_seconds{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            "Work",
            (
                Panel(
                    "timeseries",
                    "Commands",
                    "A second.",
                    (
                        Query(
                            'sum by (service, name) (rate(redis_commands_processed_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}}",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Hit rate",
                    "The share of reads that found something.",
                    (
                        Query(
                            'sum by (service, name) (rate(redis_keyspace_hits_total{service=~"$service"}[$__rate_interval])) / (sum by (service, name) (rate(redis_keyspace_hits_total{service=~"$service"}[$__rate_interval])) + sum by (service, name) (rate(redis_keyspace_misses_total{service=~"$service"}[$__rate_interval])) > 0)',
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("CacheHitRateLow"),
                    falls=True,
                    most=1.0,
                ),
                Panel(
                    "timeseries",
                    "Round trip p95",
                    "How long the exporter waited for it.",
                    (
                        Query(
                            'histogram_quantile(0.95, sum by (service, name, le) (rate(prunella_redis_ping_seconds_bucket{service=~"$service"}[5m])))',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                ),
                Panel(
                    "timeseries",
                    "Memory",
                    "In use.",
                    (
                        Query(
                            'max by (service, name) (redis_memory_used_bytes{service=~"$service"})',
                            "{{name}}",
                        ),
                        Query(
                            'max by (service, name) (redis_memory_used_rss_bytes{service=~"$service"})',
                            "{{name}} resident",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "timeseries",
                    "Evicted and expired keys",
                    "A second.",
                    (
                        Query(
                            'sum by (service, name) (rate(redis_evicted_keys_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} evicted",
                        ),
                        Query(
                            'sum by (service, name) (rate(redis_expired_keys_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} expired",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Keys",
                    "By database.",
                    (
                        Query(
                            'sum by (service, name, db) (redis_db_keys{service=~"$service"})',
                            "{{name}} {{db}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Connections",
                    "New ones and rejected ones a second.",
                    (
                        Query(
                            'sum by (service, name) (rate(redis_connections_received_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} new",
                        ),
                        Query(
                            'sum by (service, name) (rate(redis_rejected_connections_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} rejected",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Network",
                    "Bytes a second.",
                    (
                        Query(
                            'sum by (service, name) (rate(redis_net_input_bytes_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} in",
                        ),
                        Query(
                            'sum by (service, name) (rate(redis_net_output_bytes_total{service=~"$service"}[$__rate_interval]))',
                            "{{name}} out",
                        ),
                    ),
                    unit="Bps",
                ),
                Panel(
                    "timeseries",
                    "Fragmentation",
                    "Resident memory against used memory.",
                    (
                        Query(
                            'max by (service, name) (redis_mem_fragmentation_ratio{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
