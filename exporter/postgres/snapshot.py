"""What one scrape asks of a PostgreSQL server: a handful of statements over its statistics views."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from prometheus_client import Histogram

Row = Mapping[str, Any]

SIZES_EVERY = 300.0  # pg_database_size walks the files: most of the time that a scrape would cost

# Whether others' sessions are shown is a privilege; without it their state is NULL, and every count of states is wrong.
SERVER = """
SELECT current_setting('max_connections')::int AS max_connections,
       current_setting('superuser_reserved_connections')::int AS superuser_reserved,
       current_setting('reserved_connections', true)::int AS reserved,
       pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS privileged,
       extract(epoch FROM pg_postmaster_start_time())::float8 AS started,
       pg_is_in_recovery() AS is_replica,
       CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE greatest(0, extract(epoch FROM now() - pg_last_xact_replay_timestamp()))
       END::float8 AS lag
"""
SESSIONS = """
SELECT datname, state, count(*)::int AS sessions,
       coalesce(max(extract(epoch FROM now() - xact_start)), 0)::float8 AS transaction,
       coalesce(max(extract(epoch FROM now() - state_change)), 0)::float8 AS unchanged,
       count(*) FILTER (WHERE CASE WHEN wait_event_type = 'Lock'
           THEN cardinality(pg_blocking_pids(pid)) > 0 ELSE false END)::int AS blocked
FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP BY datname, state
"""
LOCKS = """
SELECT datname, lower(mode) AS mode, count(*)::int AS locks
FROM pg_locks JOIN pg_database ON pg_database.oid = database GROUP BY 1, 2
"""
DATABASES = "SELECT * FROM pg_stat_database"
SLOTS = """
SELECT slot_name::text, coalesce(database::text, '') AS database, active,
       pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_receive_lsn()
           ELSE pg_current_wal_lsn() END, restart_lsn)::float8 AS behind
FROM pg_replication_slots
"""
SIZES = """
SELECT datname, pg_database_size(oid)::float8 AS size FROM pg_database
WHERE has_database_privilege(oid, 'CONNECT') OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    server: Row
    sessions: Sequence[Row]  # of others none when `server` says that we are not privileged
    databases: Sequence[Row]
    locks: Sequence[Row]
    slots: Sequence[Row]
    sizes: Sequence[Row]

    @property
    def usable(self) -> int:
        """Connections that ordinary users can have."""
        reserved = self.server["superuser_reserved"] + (self.server["reserved"] or 0)
        return int(self.server["max_connections"] - reserved)


class Observer:
    """Takes the snapshots of one server; what is dear is remembered from one to the next."""

    def __init__(self, round_trip: Histogram) -> None:
        self._round_trip = round_trip
        self._sizes: Sequence[Row] = ()
        self._sizes_due = 0.0

    async def snapshot(self, connection: asyncpg.Connection) -> Snapshot:
        loop = asyncio.get_running_loop()
        (server,) = await _rows(connection, SERVER)
        began = loop.time()
        await connection.fetchval("SELECT 1")
        self._round_trip.observe(loop.time() - began)
        return Snapshot(
            server=server,
            sessions=await _rows(connection, SESSIONS) if server["privileged"] else (),
            databases=await _rows(connection, DATABASES),
            locks=await _rows(connection, LOCKS),
            slots=await _rows(connection, SLOTS),
            sizes=await self._known_sizes(connection, loop.time()),
        )

    async def _known_sizes(self, connection: asyncpg.Connection, now: float) -> Sequence[Row]:
        if now >= self._sizes_due:
            self._sizes_due = now + SIZES_EVERY
            try:
                self._sizes = await _rows(connection, SIZES)
            except asyncpg.QueryCanceledError:
                self._sizes = ()  # more files than can be looked through in time
        return self._sizes


async def _rows(connection: asyncpg.Connection, statement: str) -> Sequence[Row]:
    return [dict(record) for record in await connection.fetch(statement)]
