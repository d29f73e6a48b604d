"""A snapshot under the names that postgres_exporter gave its parts, and under ours where it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from prometheus_client.metrics_core import Metric

from exporter.families import Family, Row, Rows, counter, gauge, summed, unsuffixed
from exporter.postgres.columns import CONFLICTS, DATABASE, STATEMENTS, SUFFIX, UNITS, WRITER, Column
from exporter.postgres.columns import SETTINGS as SHOWN_SETTINGS
from exporter.postgres.snapshot import Part, Server, Snapshot
from prunella.cardinality import Bounded

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
SESSIONS, TRANSACTION, UNCHANGED, BLOCKED = range(4)  # a `session`'s figures
# Of the server itself: the name, what it says, and where it comes from. None is left out.
SERVER: tuple[tuple[str, str, Callable[[Server], float | None]], ...] = (
    ("pg_settings_max_connections", "The most connections at once.", lambda s: s.max_connections),
    ("pg_settings_superuser_reserved_connections", "Connections kept for superusers.", lambda s: s.superuser_reserved),
    ("pg_settings_reserved_connections", "Connections kept for pg_use_reserved_connections (from 16 on).", lambda s: s.reserved),
    ("prunella_postgres_usable_connections", "Connections that ordinary users can have: max_connections without those reserved.", lambda s: s.usable),
    ("pg_postmaster_start_time_seconds", "Unix time at which the server started.", lambda s: s.started),
    ("pg_replication_is_replica", "Whether the server is a replica.", lambda s: s.is_replica),
    ("pg_replication_lag_seconds", "How far the replica is behind its primary; 0 on a primary.", lambda s: s.lag),
    ("prunella_postgres_privileged", "Whether we may see others' sessions (pg_monitor); if not, there is no series that would be wrong.", lambda s: s.privileged),
)  # fmt: skip
# Of others' sessions, so only where we may see them.
OF_SESSIONS: tuple[tuple[str, str, Callable[[Part], float]], ...] = (
    (
        "prunella_postgres_oldest_transaction_seconds",
        "Age of the oldest open transaction, 0 when none is open.",
        lambda part: max((figures[TRANSACTION] or 0.0 for _, _, figures in part), default=0.0),
    ),
    (
        "prunella_postgres_oldest_idle_in_transaction_seconds",
        "How long the longest-waiting session has done nothing within a transaction.",
        lambda part: max((f[UNCHANGED] or 0.0 for _, state, f in part if state in IN_TRANSACTION), default=0.0),
    ),
    (
        "prunella_postgres_blocked_sessions",
        "Sessions that wait for a lock which another one holds.",
        lambda part: sum(figures[BLOCKED] or 0.0 for _, _, figures in part),
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
        rows = [(key, value) for key, s in known if (value := figure(s.server)) is not None]
        yield gauge(name, text, labels, rows)
    versions = [((*key, s.server.version, s.server.number), 1.0) for key, s in known]
    text = "The version of the server; always 1."
    yield Family("pg_static", text, "unknown", (*labels, "version", "short_version"), versions)
    shown = [(key, s) for key, s in known if s.server.privileged]
    for name, text, total in OF_SESSIONS:
        yield gauge(name, text, labels, [(key, total(s.part("session"))) for key, s in shown])
    yield from _activity(labels, shown)
    yield from _columns(labels, known, "database", "pg_stat_database", DATABASE)
    yield from _columns(labels, known, "conflict", "pg_stat_database_conflicts", CONFLICTS)
    yield from _sizes_and_locks(labels, known)
    yield from _replication(labels, known)
    yield from _writers(labels, known)
    yield from _settings(labels, known)
    yield from _statements(labels, known)


def _activity(labels: Sequence[str], shown: Known) -> Iterator[Metric]:
    columns = (*labels, "datname", "state")
    counts: list[Row] = []
    ages: dict[tuple[str, ...], float] = {}
    nobody = (0.0, 0.0, 0.0, 0.0)
    for key, snapshot in shown:
        bound = Bounded("pg_stat_activity_count", DATABASES)
        found = {(first, state): figures for first, state, figures in snapshot.part("session")}
        for database in _named(snapshot):
            told = bound(database)
            for state in STATES:
                figures = found.get((database, state), nobody)
                values = (*key, told, state)
                counts.append((values, figures[SESSIONS] or 0.0))
                ages[values] = max(ages.get(values, 0.0), figures[TRANSACTION] or 0.0)
    yield gauge(
        "pg_stat_activity_count", "Connections in this state, ours included.", columns,
        summed(counts),
    )  # fmt: skip
    yield gauge(
        "pg_stat_activity_max_tx_duration",
        "Seconds that the oldest transaction of sessions in this state has been open.", columns,
        ages.items(),
    )  # fmt: skip


def _columns(
    labels: Sequence[str], known: Known, part: str, prefix: str, columns: Sequence[Column]
) -> Iterator[Metric]:
    """A family for each column of what has a row for each database."""
    named = [
        (_database(key, datid, datname, bound), figures)
        for key, snapshot in known
        for bound in [Bounded(prefix, DATABASES)]
        for datid, datname, figures in sorted(snapshot.part(part), key=_age)
    ]
    kinds = {"gauge": gauge, "unsuffixed": unsuffixed}
    every = (*labels, "datid", "datname")
    for at, column in enumerate(columns):
        rows = [(values, f) for values, figures in named if (f := figures[at]) is not None]
        name, several = f"{prefix}_{column.name}", summed(rows)
        if column.kind in kinds:
            yield kinds[column.kind](name, column.text, every, several)
        else:
            yield Family(name, column.text, column.kind, every, several)


def _database(
    key: tuple[str, ...], datid: str | None, datname: str | None, bound: Bounded
) -> tuple[str, ...]:
    name = datname or ""
    told = bound(name)
    return (*key, (datid or "") if told == name else "", told)


def _sizes_and_locks(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    sizes = [
        ((*key, bound(row["datname"])), row["size"])
        for key, s in known
        for bound in [Bounded("pg_database_size_bytes", DATABASES)]
        for row in s.sizes
    ]
    text = "Disk space used by the database (read every five minutes)."
    yield gauge("pg_database_size_bytes", text, (*labels, "datname"), summed(sizes))
    every = (*labels, "datname", "mode")
    yield gauge("pg_locks_count", "Locks held or waited for.", every, summed(_locks(known)))


def _locks(known: Known) -> Iterator[Row]:
    for key, snapshot in known:
        bound = Bounded("pg_locks_count", DATABASES)
        found = {(first, mode): figures[0] for first, mode, figures in snapshot.part("lock")}
        for database in _named(snapshot):
            told = bound(database)
            for mode in MODES:
                yield (*key, told, mode), found.get((database, mode)) or 0.0


def _replication(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    slots = [
        ((*key, bound(first or ""), second or ""), figures)
        for key, s in known
        for bound in [Bounded("pg_replication_slots_active", DATABASES)]
        for first, second, figures in s.part("slot")
    ]
    every = (*labels, "slot_name", "database")
    text = "Whether somebody reads from the slot."
    yield gauge("pg_replication_slots_active", text, every, _at(0, slots))
    text = "Bytes of WAL that are kept for the slot."
    yield gauge("pg_replication_slots_pg_wal_lsn_diff", text, every, _at(1, slots))
    replicas = [
        ((*key, *_replica(bound(first or "")), state or ""), figures)
        for key, s in known
        for bound in [Bounded("pg_stat_replication_pg_wal_lsn_diff", DATABASES)]
        for first, state, figures in s.part("replica")
    ]
    every = (*labels, "application_name", "client_addr", "slot_name", "state")
    text = "Bytes of WAL that the replica has not yet replayed."
    yield gauge("pg_stat_replication_pg_wal_lsn_diff", text, every, _at(0, replicas))


def _replica(named: str) -> tuple[str, str, str]:
    """`slot_name` is postgres_exporter's, which leaves it empty too."""
    application, _, client = named.partition("\x01")
    return application, client, ""


def _at(number: int, rows: Sequence[tuple[tuple[str, ...], Sequence[float | None]]]) -> Rows:
    return summed((values, f) for values, figures in rows if (f := figures[number]) is not None)


def _writers(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    figures = [(key, f) for key, s in known for _, _, f in s.part("writer")]
    for at, (name, text) in enumerate(WRITER.items()):
        rows = [(key, value) for key, its in figures if (value := its[at]) is not None]
        yield counter(f"pg_stat_bgwriter_{name}_total", text, labels, rows)
    text = "Unix time at which these were last set to nought; its owner calls it a counter."
    resets = [(key, value) for key, its in figures if (value := its[len(WRITER)]) is not None]
    yield counter("pg_stat_bgwriter_stats_reset_total", text, labels, resets)
    archived = [(key, f) for key, s in known for _, _, f in s.part("archiver")]
    text = "WAL files that were archived."
    yield unsuffixed("pg_stat_archiver_archived_count", text, labels, _at(0, archived))
    text = "WAL files that could not be archived, each attempt."
    yield unsuffixed("pg_stat_archiver_failed_count", text, labels, _at(1, archived))
    text = "Seconds since a WAL file was archived."
    yield gauge("pg_stat_archiver_last_archive_age", text, labels, _at(2, archived))


def _settings(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    found: dict[str, list[Row]] = {}
    for key, snapshot in known:
        for row in snapshot.settings:
            suffix, unit = UNITS.get(row["unit"], ("", 1.0))
            value = row["value"] if row["value"] == -1 else row["value"] * unit
            found.setdefault(row["name"] + suffix, []).append((key, value))
    for setting in SHOWN_SETTINGS:
        name = setting + SUFFIX.get(setting, "")
        text = f"The setting {setting} (read once a minute)."
        yield gauge(f"pg_settings_{name}", text, labels, found.get(name, ()))


def _statements(labels: Sequence[str], known: Known) -> Iterator[Metric]:
    every = (*labels, "user", "datname", "queryid")
    for column, (metric, text) in STATEMENTS.items():
        rows = [
            ((*key, row["user"], row["datname"], row["queryid"]), row[column])
            for key, s in known
            for row in s.statements
        ]
        yield counter(f"pg_stat_statements_{metric}", text, every, rows)


def _age(row: tuple[str | None, str | None, Sequence[float | None]]) -> int:
    return int(row[0] or 0)


def _named(snapshot: Snapshot) -> list[str]:
    """In the order in which they were made, so that the same ones are told apart at each scrape."""
    rows = sorted(snapshot.part("database"), key=_age)
    return [datname for _, datname, _ in rows if datname is not None]
