"""The columns of PostgreSQL's statistics that are shown, and the names that postgres_exporter gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NEW_SESSIONS = 14  # the version from which pg_stat_database tells of sessions


@dataclass(frozen=True, slots=True)
class Column:
    """One column and its family: `kind` is gauge, counter (its name ends in `_total`), unsuffixed or unknown."""

    name: str
    kind: str
    text: str
    since: int = 0  # the server's version that brought it
    view: str = "pg_stat_database"

    @property
    def family(self) -> str:
        """Its full name."""
        return f"{self.view}_{self.name}"


DATABASE: Sequence[Column] = (
    Column("numbackends", "gauge", "Backends that are connected to this database."),
    Column("xact_commit", "unsuffixed", "Transactions in this database that have been committed."),
    Column("xact_rollback", "unsuffixed", "Transactions in this database that have been rolled back."),
    Column("blks_read", "unsuffixed", "Disk blocks read in this database."),
    Column("blks_hit", "unsuffixed", "Disk blocks found already in the buffer cache."),
    Column("tup_returned", "unsuffixed", "Rows returned by queries in this database."),
    Column("tup_fetched", "unsuffixed", "Rows fetched by queries in this database."),
    Column("tup_inserted", "unsuffixed", "Rows inserted by queries in this database."),
    Column("tup_updated", "unsuffixed", "Rows updated by queries in this database."),
    Column("tup_deleted", "unsuffixed", "Rows deleted by queries in this database."),
    Column("conflicts", "unsuffixed", "Queries canceled due to conflicts with recovery in this database."),
    Column("temp_files", "unsuffixed", "Temporary files created by queries in this database."),
    Column("temp_bytes", "unsuffixed", "Bytes written to temporary files by queries in this database."),
    Column("deadlocks", "unsuffixed", "Deadlocks detected in this database."),
    Column("blk_read_time", "unsuffixed", "Milliseconds spent reading data file blocks, where the server measures it."),
    Column("blk_write_time", "unsuffixed", "Milliseconds spent writing data file blocks, where the server measures it."),
    Column("session_time", "unknown", "Milliseconds that sessions were there (from 14 on).", NEW_SESSIONS),
    Column("active_time", "unknown", "Milliseconds that sessions executed statements (from 14 on).", NEW_SESSIONS),
    Column("idle_in_transaction_time", "unknown", "Milliseconds that sessions were idle in a transaction (from 14 on).", NEW_SESSIONS),
    Column("sessions", "unknown", "Sessions begun in this database (from 14 on).", NEW_SESSIONS),
    Column("sessions_abandoned", "unknown", "Sessions whose client was lost (from 14 on).", NEW_SESSIONS),
    Column("sessions_fatal", "unknown", "Sessions that ended with a fatal error (from 14 on).", NEW_SESSIONS),
    Column("sessions_killed", "unknown", "Sessions that an operator ended (from 14 on).", NEW_SESSIONS),
)  # fmt: skip
CONFLICTS: Sequence[Column] = tuple(
    Column(
        f"confl_{what}", "unsuffixed", f"Queries canceled in this database because of {why}.",
        view="pg_stat_database_conflicts",
    )
    for what, why in (
        ("tablespace", "dropped tablespaces"), ("lock", "lock timeouts"),
        ("snapshot", "old snapshots"), ("bufferpin", "pinned buffers"), ("deadlock", "deadlocks"),
    )
)  # fmt: skip
# pg_stat_bgwriter, and from 17 on what went to pg_stat_checkpointer; what neither has any more is absent.
WRITER: Mapping[str, str] = {
    "checkpoints_timed": "Checkpoints that were due.",
    "checkpoints_req": "Checkpoints that were requested.",
    "checkpoint_write_time": "Milliseconds that checkpoints spent writing files.",
    "checkpoint_sync_time": "Milliseconds that checkpoints spent synchronizing files.",
    "buffers_checkpoint": "Buffers written by checkpoints.",
    "buffers_clean": "Buffers written by the background writer.",
    "maxwritten_clean": "Rounds that the background writer stopped because it had written too much.",
    "buffers_backend": "Buffers written by backends (until 16).",
    "buffers_backend_fsync": "Times that a backend had to synchronize by itself (until 16).",
    "buffers_alloc": "Buffers allocated.",
}
CHECKPOINTER: Mapping[str, str] = {
    "checkpoints_timed": "num_timed",
    "checkpoints_req": "num_requested",
    "checkpoint_write_time": "write_time",
    "checkpoint_sync_time": "sync_time",
    "buffers_checkpoint": "buffers_written",
}
# Settings that dashboards and rules ask for, and that we do not set for ourselves: postgres_exporter shows all of them, some 250 series that hardly change.
SETTINGS: Sequence[str] = (
    "autovacuum", "autovacuum_analyze_scale_factor", "autovacuum_analyze_threshold",
    "autovacuum_freeze_max_age", "autovacuum_max_workers", "autovacuum_vacuum_scale_factor",
    "autovacuum_vacuum_threshold", "checkpoint_completion_target", "checkpoint_timeout",
    "effective_cache_size", "fsync", "full_page_writes", "hot_standby_feedback",
    "idle_in_transaction_session_timeout", "maintenance_work_mem", "max_locks_per_transaction",
    "max_parallel_workers", "max_prepared_transactions", "max_replication_slots", "max_wal_senders",
    "max_wal_size", "max_worker_processes", "min_wal_size", "random_page_cost", "seq_page_cost",
    "shared_buffers", "track_io_timing", "wal_keep_size", "work_mem",
)  # fmt: skip
UNITS: Mapping[str, tuple[str, float]] = {
    "ms": ("_seconds", 1e-3), "s": ("_seconds", 1.0), "min": ("_seconds", 60.0),
    "B": ("_bytes", 1.0), "kB": ("_bytes", 1024.0), "8kB": ("_bytes", 8192.0),
    "MB": ("_bytes", 1024.0**2), "GB": ("_bytes", 1024.0**3),
}  # fmt: skip
# The unit that each of the above has, so that its name is known before a server was asked.
SUFFIX: Mapping[str, str] = {
    **dict.fromkeys(
        ("effective_cache_size", "maintenance_work_mem", "max_wal_size", "min_wal_size",
         "shared_buffers", "wal_keep_size", "work_mem"), "_bytes"),
    **dict.fromkeys(
        ("checkpoint_timeout", "idle_in_transaction_session_timeout"), "_seconds"),
}  # fmt: skip
STATEMENTS: Mapping[str, tuple[str, str]] = {
    "calls": ("calls_total", "Times that the statement was executed."),
    "seconds": ("seconds_total", "Time that the statement took."),
    "rows": ("rows_total", "Rows that the statement returned or changed."),
}
