"""A snapshot under the names that postgres_exporter gave its parts, and under ours where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import Rows, gauge, totals, unsuffixed
from exporter.postgres.snapshot import Row, Snapshot
from prunella.cardinality import Bounded

DATABASES = 100  # databases of one server that are told apart
STATES = (
    "active", "idle", "idle in transaction", "idle in transaction (aborted)",
    "fastpath function call", "disabled",
)  # fmt: skip
IN_TRANSACTION = STATES[2:4]
MODES = (
    "accesssharelock", "rowsharelock", "rowexclusivelock", "shareupdateexclusivelock", "sharelock",
    "sharerowexclusivelock", "exclusivelock", "accessexclusivelock", "sireadlock",
)  # fmt: skip
COUNTERS = {
    "xact_commit": "Transactions in this database that have been committed.",
    "xact_rollback": "Transactions in this database that have been rolled back.",
    "blks_read": "Disk blocks read in this database.",
    "blks_hit": "Disk blocks found already in the buffer cache.",
    "tup_returned": "Rows returned by queries in this database.",
    "tup_fetched": "Rows fetched by queries in this database.",
    "tup_inserted": "Rows inserted by queries in this database.",
    "tup_updated": "Rows updated by queries in this database.",
    "tup_deleted": "Rows deleted by queries in this database.",
    "conflicts": "Queries canceled due to conflicts with recovery in this database.",
    "temp_files": "Temporary files created by queries in this database.",
    "temp_bytes": "Bytes written to temporary files by queries in this database.",
    "deadlocks": "Deadlocks detected in this database.",
    "blk_read_time": "Milliseconds spent reading data file blocks, where the server measures it.",
    "blk_write_time": "Milliseconds spent writing data file blocks, where the server measures it.",
}
# Of the server itself: the name, what it says, and where it comes from. None is left out.
SERVER: tuple[tuple[str, str, Callable[[Snapshot], float | None]], ...] = (
    ("pg_settings_max_connections", "The most connections at once.", lambda s: s.server["max_connections"]),
    ("pg_settings_superuser_reserved_connections", "Connections kept for superusers.", lambda s: s.server["superuser_reserved"]),
    ("pg_settings_reserved_connections", "Connections kept for pg_use_reserved_connections (from 16 on).", lambda s: s.server["reserved"]),
    ("prunella_postgres_usable_connections", "Connections that ordinary users can have: max_connections without those reserved.", lambda s: s.usable),
    ("pg_postmaster_start_time_seconds", "Unix time at which the server started.", lambda s: s.server["started"]),
    ("pg_replication_is_replica", "Whether the server is a replica.", lambda s: s.server["is_replica"]),
    ("pg_replication_lag_seconds", "How far the replica is behind its primary; 0 on a primary.", lambda s: s.server["lag"]),
    ("prunella_postgres_privileged", "Whether we may see others' sessions (pg_monitor); if not, there is no series that would be wrong.", lambda s: s.server["privileged"]),
)  # fmt: skip
# Of others' sessions, so only where we may see them.
SESSIONS: tuple[tuple[str, str, Callable[[Sequence[Row]], float]], ...] = (
    (
        "prunella_postgres_oldest_transaction_seconds",
        "Age of the oldest open transaction, 0 when none is open.",
        lambda rows: max((row["transaction"] for row in rows), default=0.0),
    ),
    (
        "prunella_postgres_oldest_idle_in_transaction_seconds",
        "How long the longest-waiting session has done nothing within a transaction.",
        lambda rows: max((r["unchanged"] for r in rows if r["state"] in IN_TRANSACTION), default=0.0),
    ),
    (
        "prunella_postgres_blocked_sessions",
        "Sessions that wait for a lock which another one holds.",
        lambda rows: sum(row["blocked"] for row in rows),
    ),
)  # fmt: skip

Seen = Sequence[tuple[tuple[str, str], Snapshot | None]]
Known = Sequence[tuple[tuple[str, str], Snapshot]]


def families(labels: Sequence[str], seen: Seen) -> Iterator[Metric]:
    """Every family over all servers; one that gave no answer has `pg_up 0` and nothing else."""
    up = [(key, float(snapshot is not None)) for key, snapshot in seen]
    yield gauge("pg_up", "Whether the server answered in time.", labels, up)
    known = [(key, snapshot) for key, snapshot in seen if snapshot is not None]
    for name, text, figure in SERVER:
        rows = [(key, float(value)) for key, s in known if (value := figure(s)) is not None]
        yield gauge(name, text, labels, rows)
    shown = [(key, s) for key, s in known if s.server["privileged"]]
    for name, text, total in SESSIONS:
        yield gauge(name, text, labels, [(key, total(s.sessions)) for key, s in shown])
    yield from _activity(labels, shown)
    yield from _databases(labels, known)
    yield from _slots(labels, known)


def _activity(labels: Sequence[str], shown: Known) -> Iterator[Metric]:
    columns = (*labels, "datname", "state")
    counts, ages = [], []
    for key, snapshot in shown:
        bound, found = Bounded("pg_stat_activity_count", DATABASES), {}
        for row in snapshot.sessions:
            found[row["datname"], row["state"]] = row
        for database in _named(snapshot):
            for state in STATES:
                row = found.get((database, state), {"sessions": 0, "transaction": 0.0})
                values = (*key, bound(database), state)
                counts.append((values, row["sessions"]))
                ages.append((values, row["transaction"]))
    yield gauge(
        "pg_stat_activity_count", "Connections in this state, ours included.", columns,
        totals(counts),
    )  # fmt: skip
    yield gauge(
        "pg_stat_activity_max_tx_duration",
        "Seconds that the oldest transaction of sessions in this state has been open.", columns,
        _largest(ages),
    )  # fmt: skip


def _databases(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    columns = (*labels, "datid", "datname")
    text = "Backends that are connected to this database."
    yield gauge("pg_stat_database_numbackends", text, columns, _column("numbackends", known))
    for column, text in COUNTERS.items():
        yield unsuffixed(f"pg_stat_database_{column}", text, columns, _column(column, known))
    sizes = [
        ((*key, bound(row["datname"])), row["size"])
        for key, s in known
        for bound in [Bounded("pg_database_size_bytes", DATABASES)]
        for row in s.sizes
    ]
    text = "Disk space used by the database (read every five minutes)."
    yield gauge("pg_database_size_bytes", text, (*labels, "datname"), totals(sizes))
    yield gauge(
        "pg_locks_count", "Locks held or waited for.", (*labels, "datname", "mode"),
        totals(_locks(known)),
    )  # fmt: skip


def _locks(known: Known) -> Rows:
    for key, snapshot in known:
        bound = Bounded("pg_locks_count", DATABASES)
        found = {(row["datname"], row["mode"]): row["locks"] for row in snapshot.locks}
        for database in _named(snapshot):
            for mode in MODES:
                yield (*key, bound(database), mode), found.get((database, mode), 0)


def _column(column: str, known: Known) -> Rows:
    rows = []
    for key, snapshot in known:
        bound = Bounded(f"pg_stat_database_{column}", DATABASES)
        for row in sorted(snapshot.databases, key=_age):
            if row.get(column) is None:
                continue  # a column of a later version
            shown = bound(row["datname"] or "")
            datid = str(row["datid"]) if shown == (row["datname"] or "") else ""
            rows.append(((*key, datid, shown), float(row[column])))
    return totals(rows)


def _slots(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    columns = (*labels, "slot_name", "database")
    slots = [
        ((*key, bound(row["slot_name"]), row["database"]), row)
        for key, s in known
        for bound in [Bounded("pg_replication_slots_active", DATABASES)]
        for row in s.slots
    ]
    yield gauge(
        "pg_replication_slots_active", "Whether somebody reads from the slot.", columns,
        totals((values, float(row["active"])) for values, row in slots),
    )  # fmt: skip
    yield gauge(
        "pg_replication_slots_pg_wal_lsn_diff", "Bytes of WAL that are kept for the slot.", columns,
        totals((values, row["behind"]) for values, row in slots if row["behind"] is not None),
    )  # fmt: skip


def _age(row: Row) -> int:
    return int(row["datid"])


def _named(snapshot: Snapshot) -> list[str]:
    """In the order in which they were made, so that the same ones are told apart at each scrape."""
    rows = sorted(snapshot.databases, key=_age)
    return [row["datname"] for row in rows if row["datname"] is not None]


def _largest(rows: Rows) -> Rows:
    found: dict[tuple[str, ...], float] = {}
    for values, value in rows:
        found[tuple(values)] = max(value, found.get(tuple(values), 0.0))
    return found.items()
