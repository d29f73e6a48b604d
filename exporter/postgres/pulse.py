"""How a PostgreSQL server is at this moment, for a health check: one round trip, and who is connected."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncpg

# The states of others' sessions are told only to who may see them; numbackends to everybody, with autovacuum's workers in it.
CONNECTIONS = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0) AS usable,
       CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') THEN count(*)
            ELSE (SELECT sum(numbackends) FROM pg_stat_database) END::int AS total,
       count(*) FILTER (WHERE state <> 'idle')::int AS active,
       count(*) FILTER (WHERE state = 'idle')::int AS idle
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


@dataclass(frozen=True, slots=True)
class Pulse:
    """Without an answer there is only the `problem`."""

    name: str
    seconds: float = 0.0
    usable: int = 0
    total: int = 0
    active: int = 0
    idle: int = 0
    problem: str = ""

    @property
    def used(self) -> float:
        """The share of the usable connections that is taken."""
        return self.total / self.usable if self.usable else 1.0


async def pulse(name: str, connection: asyncpg.Connection) -> Pulse:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await connection.fetchval("SELECT 1")
    seconds = loop.time() - began
    (row,) = await connection.fetch(CONNECTIONS)
    return Pulse(name, seconds, **dict(row))
