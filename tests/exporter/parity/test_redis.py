"""Every name that redis_exporter and we have, on the same server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from tests.exporter.parity.dashboards import without_data
from tests.exporter.parity.frame import MOVES, SAME, Near, Read, assert_parity, at
from tests.exporter.serving import serving
from tests.servers.peers import redis_exporter
from tests.servers.process import until
from tests.servers.redis import RedisServer, redis_server
from tests.servers.redis_cluster import redis_cluster

pytestmark = pytest.mark.server

OURS_ALONE = ("name", "service")
MEMORY = Near(share=0.1)  # either exporter's own connection is part of it
SECONDS = Near(apart=1.5)

TABLE: Mapping[str, Near] = {
    f"redis_{name}": near
    for near, names in {
        SAME: """up active_defrag_running aof_current_rewrite_duration_sec aof_enabled aof_last_bgrewrite_status
            aof_last_cow_size_bytes aof_last_rewrite_duration_sec aof_last_write_status aof_rewrite_in_progress
            aof_rewrite_scheduled blocked_clients clients_in_timeout_table cluster_connections cluster_enabled
            config_io_threads config_maxclients config_maxmemory connected_slaves db_keys db_keys_expiring
            defrag_hits defrag_key_hits defrag_key_misses defrag_misses dump_payload_sanitizations
            errors_total evicted_keys_total expired_keys_total expired_stale_percentage
            expired_time_cap_reached_total instance_info io_threaded_reads_processed
            io_threaded_writes_processed io_threads_active keyspace_hits_total keyspace_misses_total
            last_slow_execution_duration_seconds latest_fork_seconds lazyfree_pending_objects
            loading_dump_file mem_clients_slaves mem_not_counted_for_eviction_bytes memory_max_bytes
            memory_used_scripts_bytes memory_used_startup_bytes migrate_cached_sockets_total
            module_fork_in_progress module_fork_last_cow_size number_of_cached_scripts process_id
            pubsub_channels pubsub_patterns rdb_bgsave_in_progress rdb_changes_since_last_save
            rdb_current_bgsave_duration_sec rdb_last_bgsave_duration_sec rdb_last_bgsave_status
            rdb_last_cow_size_bytes rdb_last_save_timestamp_seconds rejected_connections_total
            repl_backlog_first_byte_offset repl_backlog_is_active replica_partial_resync_accepted
            replica_partial_resync_denied replica_resyncs_full replication_backlog_bytes
            second_repl_offset slave_expires_tracked_keys slowlog_last_id slowlog_length
            total_error_replies total_system_memory_bytes tracking_clients tracking_total_items
            tracking_total_keys tracking_total_prefixes unexpected_error_replies""",
        Near(apart=200.0): "master_repl_offset repl_backlog_history_bytes",
        Near(apart=2.0): "connected_clients connections_received_total",
        SECONDS: "uptime_in_seconds start_time_seconds",
        Near(share=0.02): "db_avg_ttl_seconds",
        MEMORY: """memory_used_bytes memory_used_dataset_bytes memory_used_lua_bytes memory_used_overhead_bytes
            memory_used_peak_bytes memory_used_rss_bytes allocator_active_bytes allocator_allocated_bytes
            allocator_frag_ratio allocator_resident_bytes allocator_rss_bytes allocator_rss_ratio
            mem_fragmentation_bytes mem_fragmentation_ratio""",
        # what they count is what the two of us do
        Near(apart=40.0): "commands_processed_total total_reads_processed total_writes_processed",
        Near(apart=0.1): """cpu_sys_seconds_total cpu_user_seconds_total cpu_sys_children_seconds_total
            cpu_user_children_seconds_total cpu_sys_main_thread_seconds_total
            cpu_user_main_thread_seconds_total""",
        Near(apart=60_000.0): "net_input_bytes_total net_output_bytes_total",
        Near(apart=20.0): """commands_total commands_failed_calls_total commands_rejected_calls_total""",
        Near(apart=0.05): "commands_duration_seconds_total",
        MOVES: """latency_percentiles_usec allocator_frag_bytes mem_clients_normal
            client_recent_max_input_buffer_bytes client_recent_max_output_buffer_bytes""",
    }.items()
    for name in names.split()
}  # fmt: skip
WITH_REPLICAS = {
    "redis_connected_slave_offset_bytes": Near(apart=200.0),
    "redis_connected_slave_lag_seconds": SECONDS,
}
OF_A_REPLICA: Mapping[str, Near] = {
    "redis_master_link_up": SAME,
    "redis_master_last_io_seconds_ago": Near(apart=10.0),
    "redis_master_sync_in_progress": SAME,
    "redis_slave_info": SAME,
    "redis_slave_priority": SAME,
    "redis_slave_repl_offset": Near(apart=200.0),
}
OF_A_CLUSTER: Mapping[str, Near] = {
    f"redis_cluster_{name}": near
    for near, names in {
        SAME: "connections enabled state slots_assigned slots_ok slots_pfail slots_fail known_nodes size current_epoch my_epoch",
        Near(apart=20.0): "messages_sent_total messages_received_total",
    }.items()
    for name in names.split()
}
OF_A_SENTINEL = dict.fromkeys(
    (
        "redis_sentinel_masters", "redis_sentinel_tilt", "redis_sentinel_running_scripts",
        "redis_sentinel_scripts_queue_length", "redis_sentinel_simulate_failure_flags",
        "redis_sentinel_master_status", "redis_sentinel_master_slaves",
        "redis_sentinel_master_sentinels",
    ),
    SAME,
)  # fmt: skip


@asynccontextmanager
async def both(tmp_path: Path, url: str) -> AsyncIterator[tuple[Read, Read]]:
    """Ours and theirs, of the server there."""
    async with (
        serving(tmp_path, redis=[{"name": "cache", "url": url}]) as served,
        redis_exporter(url, tmp_path, "-include-system-metrics") as theirs,
    ):
        yield at(f"{served.url}/metrics"), at(theirs)


async def fill(server: RedisServer) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.set("a", 1)
        await client.set("b", 1, ex=1000)
        await client.get("nothing")
        await client.eval("return 1", 0)
        with pytest.raises(redis.exceptions.ResponseError):
            await client.lpush("a", "x")  # the wrong type


async def test_our_values_are_redis_exporters(tmp_path: Path) -> None:
    async with redis_server("--maxmemory", "64mb", "--repl-diskless-sync-delay", "0") as server:
        await fill(server)
        async with both(tmp_path, server.url) as (ours, theirs):
            await assert_parity(TABLE, ours, theirs, prefix="redis_", only=OURS_ALONE)
        async with redis_server("--replicaof", "127.0.0.1", str(server.port)) as replica:
            await until(lambda: linked(replica), "the replica is linked")
            async with both(tmp_path, server.url) as (ours, theirs):
                await assert_parity(
                    {**TABLE, **WITH_REPLICAS}, ours, theirs, prefix="redis_", only=OURS_ALONE
                )
                of_the_master = await ours()
            async with both(tmp_path, replica.url) as (ours, theirs):
                await assert_parity(
                    {**TABLE, **OF_A_REPLICA}, ours, theirs, prefix="redis_", only=OURS_ALONE
                )
                of_the_replica = await ours()
    assert without_data("redis_exporter", of_the_master, of_the_replica) == []


async def linked(replica: RedisServer) -> bool:
    async with redis.asyncio.Redis.from_url(replica.url) as client:
        info = await client.info("replication")
        return bool(info["master_link_status"] == "up")


async def test_our_values_of_a_cluster_are_redis_exporters(tmp_path: Path) -> None:
    async with redis_cluster(2) as nodes, both(tmp_path, nodes[0].url) as (ours, theirs):
        await assert_parity(OF_A_CLUSTER, ours, theirs, prefix="redis_cluster_", only=OURS_ALONE)


async def test_our_values_of_a_sentinel_are_redis_exporters(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.conf"
    async with redis_server() as master:
        file.write_text(f"sentinel monitor main 127.0.0.1 {master.port} 1\n")
        async with (
            redis_server("--sentinel", first=(str(file),), ready="+monitor") as sentinel,
            both(tmp_path, sentinel.url) as (ours, theirs),
        ):
            await assert_parity(
                OF_A_SENTINEL, ours, theirs, prefix="redis_sentinel_", only=OURS_ALONE
            )
