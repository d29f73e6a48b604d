"""Every family that a PostgreSQL server can have, in the order of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from exporter.lines import Spec
from exporter.postgres.columns import CONFLICTS, DATABASE, SETTINGS, STATEMENTS, SUFFIX, WRITER
from exporter.postgres.snapshot import Server

DATABASES = 100  # databases of one server that are told apart; as many slots and replicas
STATES = (
    "active", "idle", "idle in transaction", "idle in transaction (aborted)",
    "fastpath function call", "disabled",
)  # fmt: skip
IN_TRANSACTION = STATES[2:4]
MODES = (
    "accesssharelock", "rowsharelock", "rowexclusivelock", "shareupdateexclusivelock", "sharelock",
    "sharerowexclusivelock", "exclusivelock", "accessexclusivelock", "sireadlock",
)  # fmt: skip
# Of the server itself. None is left out.
SERVER: Mapping[str, Callable[[Server], float | None]] = {
    "pg_settings_max_connections": lambda s: s.max_connections,
    "pg_settings_superuser_reserved_connections": lambda s: s.superuser_reserved,
    "pg_settings_reserved_connections": lambda s: s.reserved,
    "prunella_postgres_usable_connections": lambda s: s.usable,
    "pg_postmaster_start_time_seconds": lambda s: s.started,
    "pg_replication_is_replica": lambda s: s.is_replica,
    "pg_replication_lag_seconds": lambda s: s.lag,
    "prunella_postgres_privileged": lambda s: s.privileged,
}
OF_ARCHIVER = (
    "pg_stat_archiver_archived_count", "pg_stat_archiver_failed_count",
    "pg_stat_archiver_last_archive_age",
)  # fmt: skip


LABELS = ("name", "service")  # of every series
BY_DATABASE = ("datid", "datname")
SPECS: tuple[Spec, ...] = (
    Spec("pg_up", "gauge", "Whether the server answered in time."),
    Spec("pg_settings_max_connections", "gauge", "The most connections at once."),
    Spec("pg_settings_superuser_reserved_connections", "gauge", "Connections kept for superusers."),
    Spec("pg_settings_reserved_connections", "gauge", "Connections kept for pg_use_reserved_connections (from 16 on)."),
    Spec("prunella_postgres_usable_connections", "gauge", "Connections that ordinary users can have: max_connections without those reserved."),
    Spec("pg_postmaster_start_time_seconds", "gauge", "Unix time at which the server started."),
    Spec("pg_replication_is_replica", "gauge", "Whether the server is a replica."),
    Spec("pg_replication_lag_seconds", "gauge", "How far the replica is behind its primary; 0 on a primary."),
    Spec("prunella_postgres_privileged", "gauge", "Whether we may see others' sessions (pg_monitor); if not, there is no series that would be wrong."),
    Spec("pg_static", "unknown", "The version of the server; always 1.", ("version", "short_version")),
    Spec("prunella_postgres_oldest_transaction_seconds", "gauge", "Age of the oldest open transaction, 0 when none is open."),
    Spec("prunella_postgres_oldest_idle_in_transaction_seconds", "gauge", "How long the longest-waiting session has done nothing within a transaction."),
    Spec("prunella_postgres_blocked_sessions", "gauge", "Sessions that wait for a lock which another one holds."),
    Spec("pg_stat_activity_count", "gauge", "Connections in this state, ours included.", ("datname", "state")),
    Spec("pg_stat_activity_max_tx_duration", "gauge", "Seconds that the oldest transaction of sessions in this state has been open.", ("datname", "state")),
    *(Spec(column.family, column.kind, column.text, BY_DATABASE) for column in (*DATABASE, *CONFLICTS)),
    Spec("pg_database_size_bytes", "gauge", "Disk space used by the database (read every five minutes).", ("datname",)),
    Spec("pg_locks_count", "gauge", "Locks held or waited for.", ("datname", "mode")),
    Spec("pg_replication_slots_active", "gauge", "Whether somebody reads from the slot.", ("slot_name", "database")),
    Spec("pg_replication_slots_pg_wal_lsn_diff", "gauge", "Bytes of WAL that are kept for the slot.", ("slot_name", "database")),
    Spec("pg_stat_replication_pg_wal_lsn_diff", "gauge", "Bytes of WAL that the replica has not yet replayed.", ("application_name", "client_addr", "slot_name", "state")),
    *(Spec(f"pg_stat_bgwriter_{name}_total", "counter", text) for name, text in WRITER.items()),
    Spec("pg_stat_bgwriter_stats_reset_total", "counter", "Unix time at which these were last set to nought; its owner calls it a counter."),
    Spec("pg_stat_archiver_archived_count", "unsuffixed", "WAL files that were archived."),
    Spec("pg_stat_archiver_failed_count", "unsuffixed", "WAL files that could not be archived, each attempt."),
    Spec("pg_stat_archiver_last_archive_age", "gauge", "Seconds since a WAL file was archived."),
    *(Spec(f"pg_settings_{name}{SUFFIX.get(name, '')}", "gauge", f"The setting {name} (read once a minute).") for name in SETTINGS),
    *(Spec(f"pg_stat_statements_{metric}", "counter", text, ("user", "datname", "queryid")) for metric, text in STATEMENTS.values()),
    Spec("prunella_postgres_query_seconds", "histogram", "Round trip of `SELECT 1`, or how long no answer was waited for.", ("le",)),
)  # fmt: skip
