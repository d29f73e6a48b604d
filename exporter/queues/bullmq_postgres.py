"""BullMQ 6 in PostgreSQL: one table of jobs, whose state is a column; locks are times, workers are named connections."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from exporter.postgres.snapshot import Row
from exporter.queues.base import Figures, Recent, State
from exporter.queues.postgres_queues import PostgresQueues, quoted

if TYPE_CHECKING:
    import asyncpg

# Prioritized is no state of its own there. What waits has done so since it was added, due, or last begun.
JOBS = """
SELECT queue, CASE WHEN state = 'waiting' AND priority > 0 THEN 'prioritized'
                   ELSE replace(state::text, '-', '_') END AS state,
       count(*)::int AS jobs,
       greatest(0, extract(epoch FROM now()) - min(CASE state
           WHEN 'waiting' THEN greatest(added_at_ms + coalesce((opts ->> 'delay')::bigint, 0), processed_at_ms)
           WHEN 'active' THEN processed_at_ms WHEN 'delayed' THEN process_at_ms
           WHEN 'waiting-children' THEN added_at_ms ELSE finished_at_ms END) / 1000.0)::float8 AS age,
       count(*) FILTER (WHERE state = 'active'
           AND locked_until_ms < extract(epoch FROM clock_timestamp()) * 1000)::int AS stalled,
       count(*) FILTER (WHERE finished_at_ms > (extract(epoch FROM now()) - 3600) * 1000)::int AS recent
FROM {schema}.job WHERE queue = ANY($1) GROUP BY 1, 2
"""
PAUSED = "SELECT queue FROM {schema}.meta WHERE field = 'paused' AND queue = ANY($1)"
COUNTED = "SELECT queue, kind, count FROM {schema}.metrics WHERE queue = ANY($1)"
# A queue that was emptied for good (`obliterate`) has no meta until its producer is started anew, but may have jobs. From
# queue to queue along the index: a DISTINCT would read all jobs.
NAMES = """
WITH RECURSIVE known AS (
    SELECT min(queue) AS queue FROM {schema}.job UNION ALL
    SELECT (SELECT min(queue) FROM {schema}.job WHERE job.queue > known.queue) FROM known WHERE queue IS NOT NULL)
SELECT queue FROM known WHERE queue IS NOT NULL UNION SELECT queue FROM {schema}.meta
"""
WORKERS = """
SELECT application_name AS name, count(*)::int AS connections FROM pg_stat_activity
WHERE datname = current_database() AND application_name <> '' GROUP BY 1
"""


class Tables:
    """The statements over one schema."""

    def __init__(self, schema: str) -> None:
        self._schema = quoted(schema)

    async def names(self, connection: asyncpg.Connection) -> Collection[str]:
        return {row["queue"] for row in await self._rows(connection, NAMES)}

    async def figures(
        self, connection: asyncpg.Connection, queues: Sequence[str]
    ) -> Sequence[Figures]:
        jobs: dict[str, dict[State, Row]] = {queue: {} for queue in queues}
        for row in await self._rows(connection, JOBS, queues):
            jobs[row["queue"]][State(row["state"])] = row
        counted = {
            (row["queue"], row["kind"]): row["count"]
            for row in await self._rows(connection, COUNTED, queues)
        }
        paused = {row["queue"] for row in await self._rows(connection, PAUSED, queues)}
        workers = {row["name"]: row["connections"] for row in await self._rows(connection, WORKERS)}
        return [
            replace(
                _figures(queue, jobs[queue]),
                paused=queue in paused,
                workers=bearing(queue, workers),
                completed=counted.get((queue, "completed")),
                failed=counted.get((queue, "failed")),
            )
            for queue in queues
        ]

    async def _rows(
        self, connection: asyncpg.Connection, statement: str, *values: object
    ) -> Sequence[Row]:
        return [
            dict(row)
            for row in await connection.fetch(statement.format(schema=self._schema), *values)
        ]


def _figures(queue: str, rows: Mapping[State, Row]) -> Figures:
    ended = {
        state: rows[state]["recent"] for state in (State.COMPLETED, State.FAILED) if state in rows
    }
    return Figures(
        queue,
        jobs={state: rows[state]["jobs"] if state in rows else 0 for state in State},
        ages={state: (rows[state]["age"] or 0.0) if state in rows else 0.0 for state in State},
        stalled=rows[State.ACTIVE]["stalled"] if State.ACTIVE in rows else 0,
        recent=Recent(ended.get(State.COMPLETED, 0), ended.get(State.FAILED, 0)),
    )


def bearing(name: str, connections: Mapping[str, int]) -> int:
    """Connections of that name, or of a worker with a name of its own: how many bear each is given."""
    return sum(
        number
        for other, number in connections.items()
        if other == name or other.startswith(f"{name}:w:")
    )


def postgres_bullmq(url: str, schema: str) -> PostgresQueues:
    tables = Tables(schema)
    return PostgresQueues(url, tables.names, tables.figures)
