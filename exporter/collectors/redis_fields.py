"""The names that redis_exporter gave to what Redis says of itself, with its types and its units.

A field of INFO that is not here has no metric of ours: what Redis adds to INFO in a later version changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from exporter.lines import Spec

LABELS = ("name", "service")  # of every series

# INFO's field → the metric's name. The unit is INFO's own: seconds and bytes, where not said otherwise in SCALED.
GAUGES: Mapping[str, str] = {
    "uptime_in_seconds": "uptime_in_seconds", "process_id": "process_id", "io_threads_active": "io_threads_active",
    # Clients
    "connected_clients": "connected_clients", "cluster_connections": "cluster_connections",
    "blocked_clients": "blocked_clients", "tracking_clients": "tracking_clients",
    "clients_in_timeout_table": "clients_in_timeout_table",
    "client_recent_max_input_buffer": "client_recent_max_input_buffer_bytes",
    "client_recent_max_output_buffer": "client_recent_max_output_buffer_bytes",
    # Memory
    "used_memory": "memory_used_bytes", "used_memory_rss": "memory_used_rss_bytes",
    "used_memory_peak": "memory_used_peak_bytes", "used_memory_lua": "memory_used_lua_bytes",
    "used_memory_dataset": "memory_used_dataset_bytes", "used_memory_overhead": "memory_used_overhead_bytes",
    "used_memory_startup": "memory_used_startup_bytes", "used_memory_scripts": "memory_used_scripts_bytes",
    "maxmemory": "memory_max_bytes", "total_system_memory": "total_system_memory_bytes",
    "number_of_cached_scripts": "number_of_cached_scripts",
    "mem_fragmentation_ratio": "mem_fragmentation_ratio", "mem_fragmentation_bytes": "mem_fragmentation_bytes",
    "mem_not_counted_for_evict": "mem_not_counted_for_eviction_bytes",
    "mem_clients_normal": "mem_clients_normal", "mem_clients_slaves": "mem_clients_slaves",
    "allocator_active": "allocator_active_bytes", "allocator_allocated": "allocator_allocated_bytes",
    "allocator_resident": "allocator_resident_bytes", "allocator_frag_bytes": "allocator_frag_bytes",
    "allocator_frag_ratio": "allocator_frag_ratio", "allocator_rss_bytes": "allocator_rss_bytes",
    "allocator_rss_ratio": "allocator_rss_ratio", "active_defrag_running": "active_defrag_running",
    "lazyfree_pending_objects": "lazyfree_pending_objects",
    # Persistence
    "loading": "loading_dump_file", "rdb_changes_since_last_save": "rdb_changes_since_last_save",
    "rdb_bgsave_in_progress": "rdb_bgsave_in_progress", "rdb_last_save_time": "rdb_last_save_timestamp_seconds",
    "rdb_last_bgsave_status": "rdb_last_bgsave_status",
    "rdb_last_bgsave_time_sec": "rdb_last_bgsave_duration_sec",
    "rdb_current_bgsave_time_sec": "rdb_current_bgsave_duration_sec",
    "rdb_last_cow_size": "rdb_last_cow_size_bytes", "aof_enabled": "aof_enabled",
    "aof_rewrite_in_progress": "aof_rewrite_in_progress", "aof_rewrite_scheduled": "aof_rewrite_scheduled",
    "aof_last_rewrite_time_sec": "aof_last_rewrite_duration_sec",
    "aof_current_rewrite_time_sec": "aof_current_rewrite_duration_sec",
    "aof_last_bgrewrite_status": "aof_last_bgrewrite_status", "aof_last_write_status": "aof_last_write_status",
    "aof_last_cow_size": "aof_last_cow_size_bytes", "aof_current_size": "aof_current_size_bytes",
    "aof_base_size": "aof_base_size_bytes", "aof_pending_rewrite": "aof_pending_rewrite",
    "aof_buffer_length": "aof_buffer_length", "aof_rewrite_buffer_length": "aof_rewrite_buffer_length",
    "aof_pending_bio_fsync": "aof_pending_bio_fsync", "aof_delayed_fsync": "aof_delayed_fsync",
    "module_fork_in_progress": "module_fork_in_progress", "module_fork_last_cow_size": "module_fork_last_cow_size",
    # Stats
    "pubsub_channels": "pubsub_channels", "pubsub_patterns": "pubsub_patterns",
    "latest_fork_usec": "latest_fork_seconds", "expired_stale_perc": "expired_stale_percentage",
    "expired_time_cap_reached_count": "expired_time_cap_reached_total",
    "migrate_cached_sockets": "migrate_cached_sockets_total",
    "slave_expires_tracked_keys": "slave_expires_tracked_keys",
    "active_defrag_hits": "defrag_hits", "active_defrag_misses": "defrag_misses",
    "active_defrag_key_hits": "defrag_key_hits", "active_defrag_key_misses": "defrag_key_misses",
    "tracking_total_keys": "tracking_total_keys", "tracking_total_items": "tracking_total_items",
    "tracking_total_prefixes": "tracking_total_prefixes",
    # Replication
    "connected_slaves": "connected_slaves", "master_repl_offset": "master_repl_offset",
    "second_repl_offset": "second_repl_offset", "repl_backlog_active": "repl_backlog_is_active",
    "repl_backlog_size": "replication_backlog_bytes",
    "repl_backlog_first_byte_offset": "repl_backlog_first_byte_offset",
    "repl_backlog_histlen": "repl_backlog_history_bytes", "sync_full": "replica_resyncs_full",
    "sync_partial_ok": "replica_partial_resync_accepted", "sync_partial_err": "replica_partial_resync_denied",
    "slave_priority": "slave_priority",
    # Cluster, and a sentinel
    "cluster_enabled": "cluster_enabled",
    "sentinel_masters": "sentinel_masters", "sentinel_tilt": "sentinel_tilt",
    "sentinel_running_scripts": "sentinel_running_scripts",
    "sentinel_scripts_queue_length": "sentinel_scripts_queue_length",
    "sentinel_simulate_failure_flags": "sentinel_simulate_failure_flags",
}  # fmt: skip
COUNTERS: Mapping[str, str] = {
    "total_connections_received": "connections_received_total",
    "total_commands_processed": "commands_processed_total",
    "total_net_input_bytes": "net_input_bytes_total", "total_net_output_bytes": "net_output_bytes_total",
    "rejected_connections": "rejected_connections_total",
    "expired_keys": "expired_keys_total", "evicted_keys": "evicted_keys_total",
    "keyspace_hits": "keyspace_hits_total", "keyspace_misses": "keyspace_misses_total",
    "used_cpu_sys": "cpu_sys_seconds_total", "used_cpu_user": "cpu_user_seconds_total",
    "used_cpu_sys_children": "cpu_sys_children_seconds_total",
    "used_cpu_user_children": "cpu_user_children_seconds_total",
    "used_cpu_sys_main_thread": "cpu_sys_main_thread_seconds_total",
    "used_cpu_user_main_thread": "cpu_user_main_thread_seconds_total",
}  # fmt: skip
# Counters that their owner named without `_total`.
UNSUFFIXED: Mapping[str, str] = {
    name: name
    for name in (
        "total_error_replies", "unexpected_error_replies", "dump_payload_sanitizations",
        "total_reads_processed", "total_writes_processed",
        "io_threaded_reads_processed", "io_threaded_writes_processed",
    )
}  # fmt: skip
SCALED: Mapping[str, float] = {"latest_fork_usec": 1e-6}

# CLUSTER INFO's fields, of a node of a cluster.
CLUSTER: Mapping[str, str] = {
    "cluster_state": "cluster_state", "cluster_slots_assigned": "cluster_slots_assigned",
    "cluster_slots_ok": "cluster_slots_ok", "cluster_slots_pfail": "cluster_slots_pfail",
    "cluster_slots_fail": "cluster_slots_fail", "cluster_known_nodes": "cluster_known_nodes",
    "cluster_size": "cluster_size", "cluster_current_epoch": "cluster_current_epoch",
    "cluster_my_epoch": "cluster_my_epoch", "cluster_stats_messages_sent": "cluster_messages_sent_total",
    "cluster_stats_messages_received": "cluster_messages_received_total",
}  # fmt: skip
# CONFIG GET's settings; the first is not shown, it says how many databases there are.
DATABASES = "databases"
SETTINGS: Mapping[str, str] = {
    "maxclients": "config_maxclients",
    "maxmemory": "config_maxmemory",
    "io-threads": "config_io_threads",
}
# Only a replica says these; redis_exporter labels them with the master's address.
REPLICA: Mapping[str, str] = {
    "master_link_status": "master_link_up",
    "master_last_io_seconds_ago": "master_last_io_seconds_ago",
    "master_sync_in_progress": "master_sync_in_progress",
    "slave_repl_offset": "slave_repl_offset",
}
INSTANCE = (
    "role", "redis_version", "redis_build_id", "redis_mode", "os", "maxmemory_policy", "tcp_port",
    "run_id", "process_id",
)  # fmt: skip
WORDS = {"ok": 1.0, "up": 1.0, "err": 0.0, "fail": 0.0, "down": 0.0}


def _plain(kind: str, fields: Mapping[str, str], source: str) -> list[Spec]:
    return [Spec(f"redis_{name}", kind, f"{source} {field}.") for field, name in fields.items()]


MASTER = ("master_host", "master_port")
SLAVE = ("slave_ip", "slave_port", "slave_state")
WATCHED = ("master_name", "master_address")
SPECS: tuple[Spec, ...] = (
    Spec("redis_up", "gauge", "Whether the server answered in time."),
    *_plain("gauge", GAUGES, "INFO's"),
    Spec("redis_start_time_seconds", "gauge", "Unix time at which the server started."),
    *_plain("counter", COUNTERS, "INFO's"),
    *_plain("unsuffixed", UNSUFFIXED, "INFO's"),
    *_plain("gauge", SETTINGS, "CONFIG GET's"),
    *_plain("gauge", CLUSTER, "CLUSTER INFO's"),
    *(Spec(f"redis_{name}", "gauge", f"INFO's {field}.", MASTER) for field, name in REPLICA.items()),
    Spec("redis_slave_info", "gauge", "That the server is a replica, and of whom; always 1.", (*MASTER, "read_only")),
    Spec("redis_connected_slave_offset_bytes", "gauge", "Replication offset of a connected replica.", SLAVE),
    Spec("redis_connected_slave_lag_seconds", "gauge", "Seconds since a connected replica was heard of.", SLAVE),
    Spec("redis_db_keys", "gauge", "Keys in the database.", ("db",)),
    Spec("redis_db_keys_expiring", "gauge", "Keys in the database that will expire.", ("db",)),
    Spec("redis_db_avg_ttl_seconds", "gauge", "Average time until the database's expiring keys do.", ("db",)),
    Spec("redis_commands_total", "counter", "Calls of the command.", ("cmd",)),
    Spec("redis_commands_duration_seconds_total", "counter", "Time spent in the command.", ("cmd",)),
    Spec("redis_commands_rejected_calls_total", "counter", "Calls refused before the command began.", ("cmd",)),
    Spec("redis_commands_failed_calls_total", "counter", "Calls that ended with an error.", ("cmd",)),
    Spec("redis_latency_percentiles_usec", "summary", "How long the command took, in microseconds, since the statistics were reset.", ("cmd", "quantile")),
    Spec("redis_errors_total", "counter", "Error replies by their first word.", ("err",)),
    Spec("redis_slowlog_length", "gauge", "Entries in the slow log."),
    Spec("redis_slowlog_last_id", "gauge", "Id of the slow log's newest entry."),
    Spec("redis_last_slow_execution_duration_seconds", "gauge", "How long the slow log's newest entry took."),
    Spec("redis_latency_spike_last", "gauge", "Unix time of the event's latest latency spike.", ("event_name",)),
    Spec("redis_latency_spike_duration_seconds", "gauge", "How long the event's latest latency spike was.", ("event_name",)),
    Spec("redis_sentinel_master_status", "gauge", "Whether the sentinel sees the master as ok.", (*WATCHED, "master_status")),
    Spec("redis_sentinel_master_slaves", "gauge", "Replicas that the sentinel knows of the master.", WATCHED),
    Spec("redis_sentinel_master_sentinels", "gauge", "Sentinels that watch the master, this one included.", WATCHED),
    Spec("prunella_redis_ping_seconds", "histogram", "Round trip of a PING.", ("le",)),
    Spec("redis_instance_info", "gauge", "What the server is; always 1.", INSTANCE),
)  # fmt: skip
