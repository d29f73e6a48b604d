"""INFO's fields under the names that redis_exporter gave them, with its types and its units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.metrics_core import Metric

from exporter.families import Rows, counter, gauge

Info = Mapping[str, Any]
Seen = Sequence[tuple[tuple[str, ...], Info | None]]

# INFO's field → the metric's name. The unit is INFO's own, seconds and bytes.
GAUGES = {
    "uptime_in_seconds": "uptime_in_seconds",
    "connected_clients": "connected_clients",
    "blocked_clients": "blocked_clients",
    "maxclients": "config_maxclients",
    "used_memory": "memory_used_bytes",
    "used_memory_rss": "memory_used_rss_bytes",
    "used_memory_peak": "memory_used_peak_bytes",
    "used_memory_lua": "memory_used_lua_bytes",
    "used_memory_dataset": "memory_used_dataset_bytes",
    "used_memory_overhead": "memory_used_overhead_bytes",
    "maxmemory": "memory_max_bytes",
    "mem_fragmentation_ratio": "mem_fragmentation_ratio",
    "loading": "loading_dump_file",
    "rdb_changes_since_last_save": "rdb_changes_since_last_save",
    "rdb_bgsave_in_progress": "rdb_bgsave_in_progress",
    "rdb_last_save_time": "rdb_last_save_timestamp_seconds",
    "rdb_last_bgsave_status": "rdb_last_bgsave_status",
    "aof_enabled": "aof_enabled",
    "aof_last_bgrewrite_status": "aof_last_bgrewrite_status",
    "aof_last_write_status": "aof_last_write_status",
    "connected_slaves": "connected_slaves",
    "master_repl_offset": "master_repl_offset",
    "repl_backlog_size": "replication_backlog_bytes",
    "pubsub_channels": "pubsub_channels",
    "cluster_enabled": "cluster_enabled",
}
COUNTERS = {
    "total_connections_received": "connections_received_total",
    "total_commands_processed": "commands_processed_total",
    "total_net_input_bytes": "net_input_bytes_total",
    "total_net_output_bytes": "net_output_bytes_total",
    "rejected_connections": "rejected_connections_total",
    "expired_keys": "expired_keys_total",
    "evicted_keys": "evicted_keys_total",
    "keyspace_hits": "keyspace_hits_total",
    "keyspace_misses": "keyspace_misses_total",
    "used_cpu_sys": "cpu_sys_seconds_total",
    "used_cpu_user": "cpu_user_seconds_total",
}
# Only a replica says these; redis_exporter labels them with the master's address.
REPLICA = {
    "master_link_status": "master_link_up",
    "master_last_io_seconds_ago": "master_last_io_seconds_ago",
    "master_sync_in_progress": "master_sync_in_progress",
    "slave_repl_offset": "slave_repl_offset",
}
INSTANCE = (
    "role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port",
    "run_id", "process_id",
)  # fmt: skip
DATABASE = {
    "keys": ("db_keys", 1.0, "Keys in the database."),
    "expires": ("db_keys_expiring", 1.0, "Keys in the database that will expire."),
    "avg_ttl": ("db_avg_ttl_seconds", 1e-3, "Average time until the database's expiring keys do."),
}
WORDS = {"ok": 1.0, "up": 1.0, "err": 0.0, "down": 0.0}


def families(labels: Sequence[str], seen: Seen) -> Iterator[Metric]:
    """Every family over all servers; one that gave no INFO has `redis_up 0` and nothing else."""
    up = [(key, float(info is not None)) for key, info in seen]
    yield gauge("redis_up", "Whether the server answered in time.", labels, up)
    known = [(key, info) for key, info in seen if info is not None]
    for field, name in GAUGES.items():
        yield gauge(f"redis_{name}", f"INFO's {field}.", labels, _field(field, known))
    for field, name in COUNTERS.items():
        yield counter(f"redis_{name}", f"INFO's {field}.", labels, _field(field, known))
    yield from _replication(labels, known)
    yield from _databases(labels, known)
    instance = [((*key, *(str(info.get(n, "")) for n in INSTANCE)), 1.0) for key, info in known]
    text = "What the server is; always 1."
    yield gauge("redis_instance_info", text, (*labels, *INSTANCE), instance)


def _field(field: str, known: Sequence[tuple[tuple[str, ...], Info]]) -> Rows:
    return [(key, value) for key, info in known if (value := _number(info.get(field))) is not None]


def _number(value: object) -> float | None:
    if isinstance(value, int | float):
        return float(value)
    return WORDS.get(value) if isinstance(value, str) else None


def _replication(
    labels: Sequence[str], known: Sequence[tuple[tuple[str, ...], Info]]
) -> Iterator[Metric]:
    replicas = [
        ((*key, str(info.get("master_host")), str(info.get("master_port"))), info)
        for key, info in known
        if info.get("role") == "slave"
    ]
    for field, name in REPLICA.items():
        rows = _field(field, replicas)
        yield gauge(
            f"redis_{name}", f"INFO's {field}.", (*labels, "master_host", "master_port"), rows
        )


def _databases(
    labels: Sequence[str], known: Sequence[tuple[tuple[str, ...], Info]]
) -> Iterator[Metric]:
    for field, (name, unit, text) in DATABASE.items():
        rows = [
            ((*key, database), figures[field] * unit)
            for key, info in known
            for database, figures in info.items()
            if database.startswith("db") and isinstance(figures, dict) and field in figures
        ]
        yield gauge(f"redis_{name}", text, (*labels, "db"), rows)
