"""Queues that are a table in PostgreSQL: procrastinate's own, or one that the config describes column by column.

Nobody but the operator knows how long a job may take where no heartbeat is kept: what counts as dead there is a lock
that is older than `stuck_after`, or than the worker last wrote it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StringConstraints

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Settings
from receiver.queues.base import Healed, QueueLook, QueueSystem
from receiver.queues.postgres_link import PostgresUrl, postgres_link
from receiver.stores.identifiers import ColumnName, TableName, parts_of, quoted
from receiver.tools import Tools

BATCH = 200
Word = Annotated[
    StrictInt | Annotated[str, StringConstraints(min_length=1, max_length=200)], Field()
]


class JobsTable(Settings):
    """A table of jobs: which columns say to which queue a job belongs, in what state it is and since when it is held.

    `running` jobs whose `locked_at` is older than `stuck_after` become `waiting`, or `failed` once `attempts` reaches
    `max_attempts`. `locked_at` is best a timestamp with time zone that the worker writes again while it works (a
    heartbeat); else `stuck_after` must be longer than the longest job. A row that its worker holds locked is never
    touched. `clear` are columns that become NULL, such as the worker's name; `count_attempts: false` leaves `attempts`
    to the workers, where they count when they begin.
    """

    name: TableName
    queue: ColumnName | None = None  # None: the whole table is one queue
    state: ColumnName = "state"
    waiting: Word = "waiting"
    running: Word = "active"
    failed: Word = "failed"
    locked_at: ColumnName = "locked_at"
    attempts: ColumnName | None = None
    max_attempts: Annotated[int, Field(ge=1)] | None = None
    count_attempts: bool = True
    clear: tuple[ColumnName, ...] = ()

    @Rule
    def _can_count(self) -> Iterator[str]:
        if is_given(self, "max_attempts") and not is_given(self, "attempts"):
            yield "max_attempts needs the column `attempts`"

    def stuck(self) -> str:
        """What holds for a stuck row; $1 is the queue, $2 the seconds, $3 the word for running."""
        locked_at = f"{_column(self.locked_at)} < now() - make_interval(secs => $2)"
        return f"{self._mine()} AND {_column(self.state)} = $3 AND {locked_at}"

    def look(self) -> str:
        """Counts as `waiting`, `active` and `stuck`; $4 is the word for waiting."""
        state = _column(self.state)
        return (
            f"SELECT count(*) FILTER (WHERE {state} = $4) AS waiting, count(*) FILTER (WHERE {state} = $3) AS active,"  # noqa: S608 - names are quoted, values are parameters
            f" count(*) FILTER (WHERE {self.stuck()}) AS stuck"
            f" FROM {_table(self.name)} WHERE {self._mine()} AND {state} IN ($3, $4)"
        )

    def move(self, over: str, *, failing: bool) -> str:
        """Up to $5 rows for which `over` holds; $4 is the state that they get.

        One word each time and no CASE: so it takes the column's own type, be that text, a number or an enum. A row's
        ctid is its own only within one partition.
        """
        sets = [f"{_column(self.state)} = $4"]
        sets += [f"{_column(name)} = NULL" for name in (self.locked_at, *self.clear)]
        if self.attempts and self.count_attempts:
            sets.append(f"{_column(self.attempts)} = {self._made()}")
        table = _table(self.name)
        return (
            f"WITH stuck AS (SELECT tableoid AS part, ctid AS row FROM {table} WHERE {self.stuck()} AND {over}"  # noqa: S608 - names are quoted, values are parameters
            f" ORDER BY {_column(self.locked_at)} LIMIT $5 FOR UPDATE SKIP LOCKED)"
            f" UPDATE {table} SET {', '.join(sets)} FROM stuck"
            f" WHERE {table}.tableoid = stuck.part AND {table}.ctid = stuck.row RETURNING {failing} AS failing"
        )

    def moves(self) -> Iterator[tuple[str, int | str]]:
        """Each statement with the state that it gives, `failed` first."""
        if self.max_attempts is None:
            yield self.move("true", failing=False), self.waiting
            return
        yield self.move(f"{self._made()} >= {self.max_attempts}", failing=True), self.failed
        yield self.move(f"{self._made()} < {self.max_attempts}", failing=False), self.waiting

    def _mine(self) -> str:
        return f"{_column(self.queue)} = $1" if self.queue else "$1::text IS NOT NULL"

    def _made(self) -> str:
        """How often a job has been tried when this stall is counted."""
        attempts = f"coalesce({_column(self.attempts)}, 0)" if self.attempts else "0"
        return f"{attempts} + 1" if self.count_attempts else attempts


class PostgresQueue(QueueSystem):
    """Queues in a table of PostgreSQL: `layout: procrastinate`, or a `table` of your own.

    procrastinate (3 and newer): jobs in `doing` whose worker's heartbeat is older than `stuck_after`, or that another
    worker has declared dead, become `todo`, as its own `retry_job` does it. A table of your own: `table: {name: app.jobs,
    queue: kind, state: state, waiting: waiting, running: active, failed: failed, locked_at: locked_at, attempts: tries,
    max_attempts: 5, count_attempts: true, clear: [locked_by]}`, where all but `name` may be left out: rows that are
    `running` and whose `locked_at` is older than `stuck_after` become `waiting`, or `failed` at `max_attempts`. That must
    be longer than the longest job, unless the worker writes `locked_at` again while it works. Privileges: `GRANT SELECT, UPDATE ON
    <table>`; for procrastinate on `procrastinate_jobs`, `SELECT` on `procrastinate_workers` and `SELECT, INSERT` on
    `procrastinate_events` with `USAGE` on its sequence, since a trigger keeps that.
    """

    url: PostgresUrl
    layout: Literal["procrastinate"] | None = None
    table: JobsTable | None = None

    @property
    def never_pauses(self) -> str | None:
        return "a table of jobs has no pause that its workers would respect: stop the workers"

    @Rule
    def _one_layout(self) -> Iterator[str]:
        if is_given(self, "layout") is is_given(self, "table"):
            yield "give either layout or table"

    @Rule
    def _told_apart(self) -> Iterator[str]:
        one_column = self.table is None or is_given(self.table, "queue")
        if not one_column and len(self.queues) > 1:
            yield "several queues in one table need `table.queue`, the column of their name"

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        sql: str = _LOOK
        words: tuple[int | str, ...] = ()
        if self.table is not None:
            sql, words = self.table.look(), (self.table.running, self.table.waiting)
        async with postgres_link(self.url, tools) as session:
            (row,) = await session.ask(sql, queue, stuck_after, *words)
            return QueueLook(row["waiting"], row["active"], row["stuck"])

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        async with postgres_link(self.url, tools) as session:
            for sql, values in self._moves(queue, stuck_after):
                while moved := await session.change(sql, *values):
                    failing = sum(row["failing"] for row in moved)
                    healed.failed += failing
                    healed.requeued += len(moved) - failing
                    await tools.progress(f"{queue}: {healed}")

    def _moves(self, queue: str, stuck_after: float) -> Iterator[tuple[str, tuple[object, ...]]]:
        if self.table is None:
            yield _MOVE, (queue, stuck_after, BATCH)
            return
        for sql, word in self.table.moves():
            yield sql, (queue, stuck_after, self.table.running, word, BATCH)


_DEAD = """
    j.queue_name = $1 AND j.status = 'doing'
    AND (j.worker_id IS NULL OR EXISTS (
        SELECT 1 FROM procrastinate_workers w
         WHERE w.id = j.worker_id AND w.last_heartbeat < now() - make_interval(secs => $2)))
    AND NOT EXISTS (
        SELECT 1 FROM procrastinate_events e
         WHERE e.job_id = j.id AND e.type = 'started' AND e.at > now() - make_interval(secs => $2))
    AND NOT EXISTS (
        SELECT 1 FROM procrastinate_jobs o
         WHERE o.queueing_lock = j.queueing_lock AND (o.status = 'todo' OR (o.status = 'doing' AND o.id < j.id)))
"""  # the last: only one job may wait under a queueing_lock, and that one will do this one's work
_LOOK = f"""
    SELECT count(*) FILTER (WHERE j.status = 'todo') AS waiting, count(*) FILTER (WHERE j.status = 'doing') AS active,
           count(*) FILTER (WHERE {_DEAD}) AS stuck
      FROM procrastinate_jobs j WHERE j.queue_name = $1 AND j.status IN ('todo', 'doing')
"""  # noqa: S608 - put together from constants
_MOVE = f"""
    WITH stuck AS (
        SELECT j.id FROM procrastinate_jobs j WHERE {_DEAD} ORDER BY j.id LIMIT $3 FOR UPDATE OF j SKIP LOCKED)
    UPDATE procrastinate_jobs
       SET status = CASE WHEN abort_requested THEN 'failed' ELSE 'todo' END::procrastinate_job_status,
           attempts = attempts + CASE WHEN abort_requested THEN 0 ELSE 1 END, scheduled_at = now()
      FROM stuck WHERE procrastinate_jobs.id = stuck.id
    RETURNING procrastinate_jobs.status = 'failed' AS failing
"""  # noqa: S608 - put together from constants


def _column(name: str) -> str:
    return quoted(*parts_of(name))


def _table(name: str) -> str:
    return quoted(*parts_of(name))
