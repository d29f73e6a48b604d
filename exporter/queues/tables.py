"""Queues that are rows of a PostgreSQL table: procrastinate, pg-boss, Graphile Worker, or a table that the config describes."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from exporter.postgres.link import PostgresUrl
from exporter.postgres.snapshot import Row
from exporter.queues.base import Figures, QueueEntry, Source, State
from exporter.queues.postgres_queues import PostgresQueues, quoted
from prunella.service.clock import Clock
from prunella.service.rules import Rule, is_given
from prunella.service.settings import Settings

if TYPE_CHECKING:
    import asyncpg

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$")]
Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_$]*$")]
States = Mapping[State, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Statements:
    """`jobs` gives rows of queue, state (ours), jobs and age, `stalled` too where the system knows it."""

    schema: str
    names: str
    jobs: str
    states: tuple[State, ...]
    stalled: bool = False


EVERY = (State.WAITING, State.DELAYED, State.ACTIVE, State.COMPLETED, State.FAILED)
PRESETS: Mapping[str, Statements] = {
    # A job has no time of its own; its events have: the latest one of the oldest job is when that came into its state.
    "procrastinate": Statements(
        "public",
        "SELECT DISTINCT queue_name AS queue FROM {schema}.procrastinate_jobs",
        """
        WITH counted AS (
            SELECT queue_name AS queue, CASE WHEN status::text = 'todo' AND scheduled_at > now() THEN 'delayed'
                       ELSE '{{"todo": "waiting", "doing": "active", "succeeded": "completed", "failed": "failed"}}'::jsonb
                           ->> status::text END AS state,
                   count(*)::int AS jobs, min(jobs.id) AS oldest, min(scheduled_at) AS due,
                   count(*) FILTER (WHERE status::text = 'doing' AND coalesce(last_heartbeat, '-infinity')
                       < now() - interval '1 minute')::int AS stalled
            FROM {schema}.procrastinate_jobs jobs LEFT JOIN {schema}.procrastinate_workers ON worker_id = procrastinate_workers.id
            WHERE queue_name = ANY($1) GROUP BY 1, 2)
        SELECT queue, state, jobs, stalled, extract(epoch FROM now() - CASE state WHEN 'delayed' THEN due ELSE
                   (SELECT max(at) FROM {schema}.procrastinate_events WHERE job_id = oldest AND at <= now()) END)::float8 AS age
        FROM counted WHERE state IS NOT NULL
        """,
        EVERY,
        stalled=True,
    ),
    "pgboss": Statements(
        "pgboss",
        "SELECT name AS queue FROM {schema}.queue WHERE name NOT LIKE '\\_\\_pgboss\\_\\_%'",
        """
        SELECT name AS queue, CASE WHEN state::text IN ('created', 'retry')
                   THEN CASE WHEN start_after > now() THEN 'delayed' ELSE 'waiting' END ELSE state::text END AS state,
               count(*)::int AS jobs, 0 AS stalled,
               extract(epoch FROM now() - min(CASE state::text WHEN 'active' THEN started_on
                   WHEN 'completed' THEN completed_on WHEN 'failed' THEN completed_on
                   ELSE greatest(created_on, start_after) END))::float8 AS age
        FROM {schema}.job WHERE name = ANY($1)
            AND state::text IN ('created', 'retry', 'active', 'completed', 'failed') GROUP BY 1, 2
        """,
        EVERY,
    ),
    # Its named queues only keep jobs in order; what there is to tell apart are its tasks. It frees a lock after four hours.
    "graphile_worker": Statements(
        "graphile_worker",
        "SELECT DISTINCT task_identifier AS queue FROM {schema}.jobs",
        """
        SELECT task_identifier AS queue, CASE WHEN locked_at IS NOT NULL THEN 'active' WHEN attempts >= max_attempts THEN 'failed'
                   WHEN run_at > now() THEN 'delayed' ELSE 'waiting' END AS state,
               count(*)::int AS jobs, count(*) FILTER (WHERE locked_at < now() - interval '4 hours')::int AS stalled,
               extract(epoch FROM now() - min(CASE WHEN locked_at IS NOT NULL THEN locked_at
                   WHEN attempts >= max_attempts THEN updated_at ELSE run_at END))::float8 AS age
        FROM {schema}.jobs WHERE task_identifier = ANY($1) GROUP BY 1, 2
        """,
        (State.WAITING, State.DELAYED, State.ACTIVE, State.FAILED),
        stalled=True,
    ),
}


class Columns(Settings):
    """`ready` is when a waiting job may run, `since` when a job came into its state."""

    queue: Column
    state: Column
    ready: Column | None = None
    since: Column | None = None

    def statements(self, table: str, states: Sequence[State]) -> Statements:
        """$2 is what each word of the state column means."""
        columns = {name: quoted(value) for name, value in self if value is not None}
        ready, since = (
            columns.get("ready", "NULL::timestamptz"),
            columns.get("since", "NULL::timestamptz"),
        )
        jobs = f"""
        SELECT {columns["queue"]}::text AS queue,
               CASE WHEN meant = 'waiting' AND {ready} > now() THEN 'delayed' ELSE meant END AS state,
               count(*)::int AS jobs, 0 AS stalled, extract(epoch FROM now() - min(
                   CASE WHEN meant = 'waiting' THEN coalesce({ready}, {since}) ELSE {since} END))::float8 AS age
        FROM {quoted(table)}, LATERAL (SELECT $2::jsonb ->> ({columns["state"]}::text)) AS word(meant)
        WHERE meant IS NOT NULL AND {columns["queue"]}::text = ANY($1) GROUP BY 1, 2
        """  # noqa: S608 - identifiers come from the config only, are letters and digits, and are quoted
        names = f"SELECT DISTINCT {columns['queue']}::text AS queue FROM {quoted(table)}"  # noqa: S608 - from the config, quoted
        known = {*states, *([State.DELAYED] if self.ready else [])}
        return Statements("", names, jobs, tuple(state for state in State if state in known))


class TableEntry(QueueEntry):
    """A `preset` (`prefix` is its schema where that is not the usual one), or `table`, `columns` and `states`."""

    system: Literal["postgres"]
    url: PostgresUrl
    preset: Literal["procrastinate", "pgboss", "graphile_worker"] | None = None
    prefix: Identifier | None = None
    table: Identifier | None = None
    columns: Columns | None = None
    states: States = Field(default_factory=dict)

    @Rule
    def _one_way(self) -> Iterator[str]:
        described = [is_given(self, name) for name in ("table", "columns", "states")]
        if is_given(self, "preset") and any(described):
            yield "takes either preset, or table, columns and states"
        if not (is_given(self, "preset") or all(described)):
            yield f"needs preset, one of {', '.join(PRESETS)}, or table, columns and states"

    def place(self) -> str:
        return f"{self.table or self.prefix or self.preset} "

    def source(self, clock: Clock) -> Source:
        rows = Rows(
            self._statements(), self.prefix, json.dumps(self._meant()) if self.table else None
        )
        return PostgresQueues(self.url.get_secret_value(), rows.names, rows.figures)

    def _statements(self) -> Statements:
        if self.columns is not None and self.table is not None:
            return self.columns.statements(self.table, list(self.states))
        return PRESETS[str(self.preset)]

    def _meant(self) -> Mapping[str, str]:
        return {word: state.value for state, words in self.states.items() for word in words}


class Rows:
    """Reads by these statements."""

    def __init__(self, said: Statements, schema: str | None, meant: str | None) -> None:
        self._said, self._schema = said, quoted(schema or said.schema)
        self._more = () if meant is None else (meant,)

    def _sql(self, statement: str) -> str:
        return statement.format(schema=self._schema) if self._said.schema else statement

    async def names(self, connection: asyncpg.Connection) -> Collection[str]:
        rows = await connection.fetch(self._sql(self._said.names))
        return {row["queue"] for row in rows if row["queue"]}

    async def figures(
        self, connection: asyncpg.Connection, queues: Sequence[str]
    ) -> Sequence[Figures]:
        found: dict[str, dict[State, Row]] = {queue: {} for queue in queues}
        for row in await connection.fetch(self._sql(self._said.jobs), queues, *self._more):
            found[row["queue"]][State(row["state"])] = dict(row)
        return [self._figures(queue, rows) for queue, rows in found.items()]

    def _figures(self, queue: str, rows: Mapping[State, Row]) -> Figures:
        ages = {
            state: max(0.0, rows[state]["age"] or 0.0) if state in rows else 0.0
            for state in self._said.states
        }
        stalled = sum(row["stalled"] for row in rows.values())
        jobs = {state: rows[state]["jobs"] if state in rows else 0 for state in self._said.states}
        return Figures(queue, jobs, ages, stalled=stalled if self._said.stalled else None)
