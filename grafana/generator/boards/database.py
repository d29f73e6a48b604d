"""Connections, transactions, locks and queries of each PostgreSQL, and the pools of the apps."""

from __future__ import annotations

from grafana.generator.board import Board, Row
from grafana.generator.boards.shared import up_now
from grafana.generator.panel import Panel, Query, lines

DATABASE = Board(
    "database",
    "PostgreSQL and pools",
    "Connections, transactions, locks and queries of each PostgreSQL, and the pools of the apps.",
    rows=(
        Row(
            "Now",
            (
                up_now(
                    "Up",
                    "Whether it answered the last scrape.",
                    Query('max by (service, name) (pg_up{service=~"$service"})', "{{name}}"),
                ),
                Panel(
                    "stat",
                    "Connections taken",
                    "Of those that ordinary users can have.",
                    (
                        Query(
                            'service_name:postgres_connections:ratio{service=~"$service"}',
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("DatabasePoolSaturated"),
                    width=6,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Oldest transaction",
                    "Since when one has been open.",
                    (
                        Query(
                            'max by (service, name) (prunella_postgres_oldest_transaction_seconds{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("PostgresTransactionOld"),
                    width=6,
                    height=5,
                ),
                Panel(
                    "stat",
                    "Blocked sessions",
                    "That wait for a lock of another one.",
                    (
                        Query(
                            'max by (service, name) (prunella_postgres_blocked_sessions{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    lines=lines("PostgresSessionsBlocked"),
                    width=6,
                    height=5,
                ),
            ),
        ),
        Row(
            "Connections",
            (
                Panel(
                    "timeseries",
                    "Sessions by state",
                    "Of all databases.",
                    (
                        Query(
                            'sum by (service, name, state) (pg_stat_activity_count{service=~"$service"})',
                            "{{name}} {{state}}",
                        ),
                    ),
                    stacked=True,
                ),
                Panel(
                    "timeseries",
                    "Pools of the apps",
                    "Connections in use, of those that each pool may have.",
                    (
                        Query(
                            'service_pool:db_pool_connections:ratio{service=~"$service"}',
                            "{{service}} {{pool}}",
                        ),
                    ),
                    unit="percentunit",
                    lines=lines("DatabasePoolSaturated"),
                ),
                Panel(
                    "timeseries",
                    "Waiting for a pool",
                    "Callers that wait for a connection.",
                    (
                        Query(
                            'sum by (service, pool) (db_pool_waiters{service=~"$service"})',
                            "{{service}} {{pool}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Work",
            (
                Panel(
                    "timeseries",
                    "Query p95",
                    "The exporter's own round trip, or what an app measured.",
                    (
                        Query(
                            'service_name:db_query_seconds:p95_rate5m{service=~"$service"}',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("DatabaseQuerySlow"),
                ),
                Panel(
                    "timeseries",
                    "Transactions",
                    "Committed and rolled back a second.",
                    (
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_xact_commit{service=~"$service"}[$__rate_interval]))',
                            "{{name}} committed",
                        ),
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_xact_rollback{service=~"$service"}[$__rate_interval]))',
                            "{{name}} rolled back",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Rows",
                    "Read and written a second.",
                    (
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_tup_fetched{service=~"$service"}[$__rate_interval]))',
                            "{{name}} fetched",
                        ),
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_tup_inserted{service=~"$service"}[$__rate_interval]) + rate(pg_stat_database_tup_updated{service=~"$service"}[$__rate_interval]) + rate(pg_stat_database_tup_deleted{service=~"$service"}[$__rate_interval]))',
                            "{{name}} written",
                        ),
                    ),
                    unit="ops",
                ),
                Panel(
                    "timeseries",
                    "Found in memory",
                    "The share of blocks that did not have to be read.",
                    (
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_blks_hit{service=~"$service"}[$__rate_interval])) / (sum by (service, name) (rate(pg_stat_database_blks_hit{service=~"$service"}[$__rate_interval])) + sum by (service, name) (rate(pg_stat_database_blks_read{service=~"$service"}[$__rate_interval])) > 0)',
                            "{{name}}",
                        ),
                    ),
                    unit="percentunit",
                    most=1.0,
                ),
                Panel(
                    "timeseries",
                    "Locks",
                    "Held, by mode.",
                    (
                        Query(
                            'sum by (service, name, mode) (pg_locks_count{service=~"$service"})',
                            "{{name}} {{mode}}",
                        ),
                    ),
                ),
                Panel(
                    "timeseries",
                    "Deadlocks",
                    "Within an hour.",
                    (
                        Query(
                            'sum by (service, name) (increase(pg_stat_database_deadlocks{service=~"$service"}[1h]))',
                            "{{name}}",
                        ),
                    ),
                ),
            ),
        ),
        Row(
            "Size and replication",
            (
                Panel(
                    "timeseries",
                    "Size",
                    "Of each database.",
                    (
                        Query(
                            'max by (service, name, datname) (pg_database_size_bytes{service=~"$service"})',
                            "{{name}} {{datname}}",
                        ),
                    ),
                    unit="bytes",
                ),
                Panel(
                    "timeseries",
                    "Temporary files",
                    "Written a second by sorts and joins that do not fit into memory.",
                    (
                        Query(
                            'sum by (service, name) (rate(pg_stat_database_temp_bytes{service=~"$service"}[$__rate_interval]))',
                            "{{name}}",
                        ),
                    ),
                    unit="Bps",
                ),
                Panel(
                    "timeseries",
                    "Replication lag",
                    "Of replicas.",
                    (
                        Query(
                            'max by (service, name) (pg_replication_lag_seconds{service=~"$service"})',
                            "{{name}}",
                        ),
                    ),
                    unit="s",
                    lines=lines("PostgresReplicationLagHigh"),
                ),
            ),
        ),
    ),
)
