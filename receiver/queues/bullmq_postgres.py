"""BullMQ 6 in PostgreSQL: the sweep of its own `move_stalled_jobs_to_wait`, without its marks and its throttle.

There a lock is a time that the worker's clock wrote. A job counts as stuck only when that has been over for as long as
`stuck_after`, so that clocks which differ by less hurt nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from prunella.service.settings import Secret
from receiver.queues.base import Healed, QueueLook
from receiver.queues.postgres_link import postgres_link
from receiver.stores.identifiers import quoted
from receiver.tools import Tools

_BATCH = 100
_STUCK = """
    queue = $1 AND state = 'active' AND locked_until_ms IS NOT NULL
    AND locked_until_ms < (extract(epoch FROM clock_timestamp()) - $2::float8) * 1000
"""
_LOOK = """
    SELECT count(*) FILTER (WHERE state = 'waiting') AS waiting, count(*) FILTER (WHERE state = 'active') AS active,
           count(*) FILTER (WHERE {stuck}) AS stuck,
           EXISTS (SELECT 1 FROM {schema}.meta WHERE queue = $1 AND field = 'paused') AS paused
      FROM {schema}.job WHERE queue = $1 AND state IN ('waiting', 'active')
"""
_MOVE = """
    WITH stuck AS (
        SELECT queue, id FROM {schema}.job WHERE {stuck} ORDER BY locked_until_ms LIMIT $4 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE {schema}.job
           SET state = 'waiting', lock_token = NULL, locked_until_ms = NULL, stalled_marked = false,
               stalled_count = stalled_count + 1, seq = nextval('{schema}.job_seq'),
               deferred_failure = CASE
                 WHEN stalled_count + 1 > $3 AND NOT EXISTS (
                   SELECT 1 FROM {schema}.scheduler s
                    WHERE s.queue = job.queue AND s.scheduler_id = job.scheduler_id
                 ) THEN 'job stalled more than allowable limit' ELSE deferred_failure END
          FROM stuck WHERE job.queue = stuck.queue AND job.id = stuck.id
        RETURNING job.id, deferred_failure IS NOT NULL AS failing
    )
    SELECT id, failing, {schema}.publish_event($1, 'stalled', jsonb_build_object('jobId', id))::text,
           pg_notify('bullmq_jobs', $1)::text
      FROM moved
"""
_IS_PAUSED = "SELECT EXISTS (SELECT 1 FROM {schema}.meta WHERE queue = $1 AND field = 'paused')"


@dataclass(frozen=True, slots=True)
class There:
    """Where the jobs are, and how often a job may stall."""

    url: Secret
    schema: str
    max_stalled: int

    def sql(self, statement: str) -> str:
        """With the schema that the config names."""
        return statement.format(schema=quoted(self.schema), stuck=_STUCK)


async def look(there: There, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
    """How the queue is now."""
    async with postgres_link(there.url, tools) as session:
        (row,) = await session.ask(there.sql(_LOOK), queue, stuck_after)
        return QueueLook(row["waiting"], row["active"], row["stuck"], row["paused"])


async def heal(there: There, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
    """In short transactions: what one has moved stays moved."""
    async with postgres_link(there.url, tools) as session:
        values = (queue, stuck_after, there.max_stalled, _BATCH)
        while moved := await session.change(there.sql(_MOVE), *values):
            failing = sum(row["failing"] for row in moved)
            healed.failed += failing
            healed.requeued += len(moved) - failing
            await tools.progress(f"{queue}: {healed}")


async def pause(there: There, tools: Tools, queue: str, *, paused: bool) -> bool:
    """By BullMQ's own function; whether anything changed."""
    async with postgres_link(there.url, tools) as session:
        (was,) = await session.ask(there.sql(_IS_PAUSED), queue)
        if was[0] != paused:
            await session.change(there.sql("SELECT {schema}.pause($1, $2)"), queue, paused)
        return bool(was[0] != paused)
