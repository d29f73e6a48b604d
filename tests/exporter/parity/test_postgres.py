"""Every name that postgres_exporter and we have, on the same server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg
import pytest

from exporter.postgres.columns import SETTINGS, SUFFIX
from tests.exporter.parity.dashboards import without_data
from tests.exporter.parity.frame import SAME, Near, assert_parity, at
from tests.exporter.serving import serving
from tests.servers.peers import postgres_exporter
from tests.servers.postgres import postgres_server, standby_of
from tests.servers.process import until

pytestmark = pytest.mark.server

ONE_SIDED = ("name", "service", "server")
LITTLE = Near(apart=3000.0)  # blocks, rows and milliseconds that the two of us cause


TABLE: Mapping[str, Near] = {
    f"pg_{name}": near
    for near, names in {
        SAME: """up static settings_max_connections settings_superuser_reserved_connections
            replication_slots_active
            stat_archiver_archived_count stat_archiver_failed_count
            stat_bgwriter_buffers_backend_fsync_total stat_bgwriter_buffers_checkpoint_total
            stat_bgwriter_buffers_clean_total stat_bgwriter_checkpoint_sync_time_total
            stat_bgwriter_checkpoint_write_time_total stat_bgwriter_checkpoints_req_total
            stat_bgwriter_checkpoints_timed_total stat_bgwriter_maxwritten_clean_total
            stat_bgwriter_buffers_backend_total stat_database_blk_read_time stat_database_blk_write_time
            stat_database_conflicts stat_database_conflicts_confl_bufferpin
            stat_database_conflicts_confl_deadlock stat_database_conflicts_confl_lock
            stat_database_conflicts_confl_snapshot stat_database_conflicts_confl_tablespace
            stat_database_deadlocks stat_database_idle_in_transaction_time
            stat_database_sessions_abandoned stat_database_sessions_fatal
            stat_database_sessions_killed stat_database_temp_bytes stat_database_temp_files
            stat_database_tup_deleted stat_database_tup_inserted stat_database_tup_updated""",
        Near(apart=1.0): "stat_bgwriter_stats_reset_total",
        Near(share=0.05): "database_size_bytes replication_slots_pg_wal_lsn_diff",
        # the two of us are among them
        Near(apart=3.0): "stat_activity_count stat_database_numbackends stat_database_sessions",
        Near(apart=2.0): "stat_activity_max_tx_duration",
        Near(apart=12.0): "locks_count",
        Near(apart=200.0): "stat_database_xact_commit stat_database_xact_rollback",
        LITTLE: """stat_database_blks_hit stat_database_blks_read stat_database_tup_fetched
            stat_database_tup_returned stat_database_session_time stat_database_active_time
            stat_bgwriter_buffers_alloc_total""",
        Near(apart=0.0, share=1e-12): " ".join(
            f"settings_{name}{SUFFIX.get(name, '')}" for name in SETTINGS
        ),
    }.items()
    for name in names.split()
}  # fmt: skip


async def test_our_values_are_postgres_exporters(tmp_path: Path) -> None:
    with postgres_server() as server:
        name = server.database()
        server.sql("GRANT pg_monitor TO prunella")
        server.sql("SELECT pg_create_physical_replication_slot('left', true)")
        entry = {"name": "main", "url": server.url("postgres")}
        holder = await asyncpg.connect(server.url(name))
        await holder.execute("BEGIN; SELECT 1")
        async with (
            serving(tmp_path, postgres=[entry]) as served,
            postgres_exporter(server.url("postgres"), tmp_path) as theirs,
        ):
            ours = at(f"{served.url}/metrics")
            await assert_parity(TABLE, ours, at(theirs), prefix="pg_", only=ONE_SIDED)
            page = await ours()
        await holder.close()
    assert without_data("postgres_exporter", page) == []


async def test_a_primarys_replica_is_as_far_as_postgres_exporter_says(tmp_path: Path) -> None:
    with postgres_server() as server:
        server.sql("GRANT pg_monitor TO prunella")
        entry = {"name": "main", "url": server.url("postgres")}
        with standby_of(server):
            streaming = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn IS NOT NULL"
            await until(lambda: server.sql(streaming) == "1", "the replica streams")
            async with (
                serving(tmp_path, postgres=[entry]) as served,
                postgres_exporter(server.url("postgres"), tmp_path) as theirs,
            ):
                await assert_parity(
                    {"pg_stat_replication_pg_wal_lsn_diff": Near(apart=1e6)},
                    at(f"{served.url}/metrics"),
                    at(theirs),
                    prefix="pg_stat_replication_",
                    only=(*ONE_SIDED, "slot_name"),  # theirs holds a process id
                )
