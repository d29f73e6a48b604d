"""What is asked of PostgreSQL: one statement for all that a scrape shows, in one round trip, planned once.

Its rows are (part, text, text, figures). What costs more than a scrape should is asked for apart, and seldom.
"""

from __future__ import annotations

from functools import lru_cache

from exporter.postgres.columns import CHECKPOINTER, CONFLICTS, DATABASE, SETTINGS, WRITER

# Whether others' sessions are shown is a privilege; without it their state is NULL, and every count of states is wrong.
SERVER = """
SELECT 'server', version(), NULL, ARRAY[
    current_setting('max_connections')::float8, current_setting('superuser_reserved_connections')::float8,
    current_setting('reserved_connections', true)::float8,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')::int,
    extract(epoch FROM pg_postmaster_start_time()), pg_is_in_recovery()::int,
    CASE WHEN NOT pg_is_in_recovery() THEN 0
         WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
         ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp())) END]::float8[]
"""
SESSIONS = """
SELECT 'session', datname::text, state, ARRAY[count(*),
    greatest(0, max(extract(epoch FROM now() - xact_start))),
    greatest(0, max(extract(epoch FROM now() - state_change))),
    count(*) FILTER (WHERE CASE WHEN wait_event_type = 'Lock'
        THEN cardinality(pg_blocking_pids(pid)) > 0 ELSE false END)]::float8[]
FROM pg_stat_activity
WHERE backend_type = 'client backend' AND pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
GROUP BY datname, state
"""
LOCKS = """
SELECT 'lock', datname::text, lower(mode), ARRAY[count(*)]::float8[]
FROM pg_locks JOIN pg_database ON pg_database.oid = database GROUP BY datname, mode
"""
SLOTS = """
SELECT 'slot', slot_name::text, coalesce(database::text, ''), ARRAY[active::int,
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
        ELSE pg_current_wal_lsn() END, restart_lsn)]::float8[]
FROM pg_replication_slots
"""
REPLICAS = """
SELECT 'replica', concat_ws(E'\\x01', application_name, coalesce(host(client_addr), '')), state, ARRAY[
    pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
        ELSE pg_current_wal_lsn() END, replay_lsn)]::float8[]
FROM pg_stat_replication
"""
ARCHIVER = """
SELECT 'archiver', NULL, NULL, ARRAY[archived_count, failed_count,
    extract(epoch FROM now() - last_archived_time)]::float8[]
FROM pg_stat_archiver
"""
SIZES = """
SELECT datname::text, pg_database_size(oid)::float8 AS size FROM pg_database
WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""
SETTINGS_NOW = f"""
SELECT name, coalesce(unit, '') AS unit, CASE setting WHEN 'on' THEN 1 WHEN 'off' THEN 0 ELSE setting::float8 END AS value
FROM pg_settings WHERE name IN ({", ".join(f"'{name}'" for name in SETTINGS)}) AND vartype IN ('bool', 'integer', 'real')
"""  # noqa: S608 - names of our own
STATEMENTS = """
SELECT pg_get_userbyid(userid)::text AS "user", datname::text, queryid::text,
       sum(calls)::float8 AS calls, sum({time})::float8 / 1000 AS seconds, sum(rows)::float8 AS rows
FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
WHERE queryid IS NOT NULL GROUP BY 1, 2, 3 ORDER BY seconds DESC LIMIT $1
"""


@lru_cache(8)
def scrape(version: int) -> str:
    """The statement for servers of that major version."""
    parts = (
        SERVER,
        SESSIONS,
        LOCKS,
        _databases(version),
        CONFLICT,
        SLOTS,
        REPLICAS,
        ARCHIVER,
        _writer(version),
    )
    return "\nUNION ALL\n".join(part.strip() for part in parts)


def _databases(version: int) -> str:
    columns = ", ".join(c.name if version >= c.since else "NULL" for c in DATABASE)
    return f"SELECT 'database', datid::text, datname::text, ARRAY[{columns}]::float8[] FROM pg_stat_database"  # noqa: S608 - names of our own


def _writer(version: int) -> str:
    """By the columns' names in a document, because versions differ in which there are."""
    document, source = "to_jsonb(w)", "pg_stat_bgwriter w"
    if version >= 17:
        moved = ", ".join(f"'{old}', c.{new}" for old, new in CHECKPOINTER.items())
        document = f"to_jsonb(w) || jsonb_build_object({moved})"
        source = "pg_stat_bgwriter w, pg_stat_checkpointer c"
    figures = ", ".join(f"(d ->> '{name}')::float8" for name in WRITER)
    # OFFSET 0, or the document would be made anew for each of its figures
    reset = "extract(epoch FROM w.stats_reset) AS reset"
    made = f"SELECT {document} AS d, {reset} FROM {source} OFFSET 0"  # noqa: S608 - names of our own
    return f"SELECT 'writer', NULL, NULL, ARRAY[{figures}, reset]::float8[] FROM ({made}) AS made"  # noqa: S608 - names of our own


CONFLICT = f"SELECT 'conflict', datid::text, datname::text, ARRAY[{', '.join(c.name for c in CONFLICTS)}]::float8[] FROM pg_stat_database_conflicts"  # noqa: S608 - names of our own


def statements(version: int) -> str:
    return STATEMENTS.format(time="total_exec_time" if version >= 13 else "total_time")
