"""Takes stale and orphaned rows out of the tables that the facet names, a few at a time and never more than allowed.

Every batch is one short statement: it locks the rows that it wants, leaves out those that somebody else holds, and
removes what it has locked. Whoever is killed in between has left whole batches only, and whoever comes next goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

from prunella.logs import create_logger
from receiver.stores.base import StoreError
from receiver.stores.identifiers import parts_of, quoted
from receiver.stores.postgres_session import Session, connected
from receiver.stores.postgres_store import Orphans, PostgresFacet, SessionsTable
from receiver.stores.postgres_tables import (
    Column,
    Leaf,
    Table,
    find_column,
    find_table,
    never,
    require_no_followers,
)
from receiver.tools import CalledOff, Tools

log = create_logger("prunella.receiver.stores.postgres")
COUNTED = 1_000_000  # rows; more are "at least" so many
# blocks that one statement looks through, where all have to be read once anyhow; more while it is quick
SPAN, LONGEST_SPAN = 64, 65_536
QUICK, SLOW = 0.05, 0.5
_REST = 0.9  # of the time; what is begun later would not end in it

_COUNT = "SELECT count(*) AS found FROM (SELECT 1 FROM {table} AS t WHERE {these} LIMIT {most}) AS found_rows"
_REFERENCES = """
    SELECT (SELECT count(*) FROM {table} AS t WHERE t.{column} IS NOT NULL) AS all,
           (SELECT count(*) FROM {table} AS t WHERE {these}) AS found
"""
_REMOVE = """
    WITH chosen AS MATERIALIZED (
      SELECT t.ctid FROM ONLY {leaf} AS t WHERE {these}{span} LIMIT $1 FOR UPDATE OF t SKIP LOCKED),
    gone AS (DELETE FROM ONLY {leaf} AS t WHERE t.ctid = ANY(ARRAY(SELECT ctid FROM chosen)) RETURNING 1)
    SELECT (SELECT count(*) FROM chosen) AS chosen, (SELECT count(*) FROM gone) AS gone,
           (SELECT ctid FROM chosen ORDER BY ctid DESC LIMIT 1) AS last
"""
_SPAN = " AND t.ctid > $2::tid AND t.ctid < $3::tid"
Place = tuple[int, int]  # a block, and a row in it; rows count from 1
_END: Place = (0xFFFF_FFFF, 0xFFFF)
_NUMBERS = frozenset(
    {"smallint", "integer", "bigint", "numeric", "real", "double precision"},
)


@dataclass(frozen=True, slots=True)
class Heal:
    """How much one run may do, and how long it may take in seconds."""

    max_rows: int = 10_000
    batch: int = 500
    dry_run: bool = False
    allow_majority: bool = False
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Healed:
    """How many rows are gone of those that were found, and how an operator is told."""

    removed: int
    found: int
    text: str


@dataclass(frozen=True, slots=True)
class _Job:
    """Rows of one table that may go; `these` is the condition on `t`."""

    table: Table
    these: str
    what: str
    found: int
    by_index: bool = False
    warning: str = ""


async def heal_sessions(facet: PostgresFacet, heal: Heal, tools: Tools) -> Healed:
    """Takes out the application's sessions that have expired. Raises StoreError."""
    async with connected(facet, tools) as session:
        if facet.sessions is None:
            raise never(session, "postgres.sessions names no table")
        job = await _stale(session, facet.sessions)
        return await _Run(session, heal, tools.clock.monotonic()).work((job,))


async def heal_orphans(facet: PostgresFacet, heal: Heal, tools: Tools) -> Healed:
    """Takes out the rows whose reference leads nowhere. Raises StoreError.

    Every relation is looked at before the first row of any goes.
    """
    async with connected(facet, tools) as session:
        run = _Run(session, heal, tools.clock.monotonic())
        jobs = [await _orphaned(session, one, heal) for one in facet.orphans]
        if not jobs:
            raise never(session, "postgres.orphans names no relation")
        return await run.work(tuple(jobs))


async def _stale(session: Session, asked: SessionsTable) -> _Job:
    table = await find_table(session, asked.table)
    column = await find_column(session, table, parts_of(asked.expires)[0])
    await require_no_followers(session, table, asked.cascade)
    limit = _expiry(session, asked, column.type)
    these = f"t.{column.named} < {limit}"
    warning = _missing_index(table, column)
    count = _COUNT.format(table=table.named, these=these, most=COUNTED)
    (row,) = await session.ask(count)
    return _Job(table, these, "stale sessions", row["found"], column.indexed, warning)


def _expiry(session: Session, asked: SessionsTable, kind: str) -> str:
    """What `expires` must lie below, in the column's own type, so that an index on it is of use."""
    if kind == "timestamp with time zone":
        return "now()"
    if kind in {"timestamp without time zone", "date"}:
        zone = asked.time_zone
        local = f"now() AT TIME ZONE '{zone or 'UTC'}'"
        read = local if zone else f"least(now()::timestamp, {local})"
        return f"({read})::{kind}"
    if kind in _NUMBERS and asked.unit is not None:
        return f"(extract(epoch FROM now()) * {1000 if asked.unit == 'ms' else 1})::bigint"
    if kind in _NUMBERS:
        raise never(session, f"{asked.table}.{asked.expires} is a number: say its `unit`, s or ms")
    raise never(
        session, f"{asked.table}.{asked.expires} is {kind}: a timestamp, date or number is needed"
    )


async def _orphaned(session: Session, asked: Orphans, heal: Heal) -> _Job:
    table = await find_table(session, asked.table)
    column = await find_column(session, table, parts_of(asked.column)[0])
    *schema, parent_table, key = parts_of(asked.references)
    parent = await find_table(session, quoted(*schema, parent_table))
    parent_key = await find_column(session, parent, key)
    if not parent_key.indexed:
        raise never(
            session,
            f"no index of all rows begins with {asked.references}: without one every batch would read the whole"
            f" table. CREATE INDEX CONCURRENTLY ON {parent.named} ({parent_key.named})",
        )
    await require_no_followers(session, table, asked.cascade)
    these = (
        f"t.{column.named} IS NOT NULL AND NOT EXISTS"
        f" (SELECT FROM {parent.named} AS p WHERE p.{parent_key.named} = t.{column.named}"
    )
    count = _REFERENCES.format(table=table.named, column=column.named, these=f"{these})")
    (row,) = await session.ask(count)
    if 2 * row["found"] > row["all"] and not heal.allow_majority:
        raise never(
            session,
            f"{row['found']} of {row['all']} references of {asked.named} lead nowhere. More than half is a wrong"
            " relation or a lost table rather than orphans; `allow_majority: true` if it is true all the same",
        )
    warning = _missing_index(table, column)
    # OFFSET keeps it a look at the index for each row: to read the other table whole would not pay for one batch
    return _Job(
        table, f"{these} OFFSET 0)", f"orphans of {asked.named}", row["found"], warning=warning
    )


def _missing_index(table: Table, column: Column) -> str:
    """What is to be said of a column that rows are chosen by."""
    if column.indexed:
        return ""
    log.warning("an index is missing", table=table.named, column=column.named)
    return f"no index begins with {column.named}: the whole of {table.named} has to be read"


@dataclass(frozen=True, slots=True)
class _Batch:
    """How many rows are gone, whether there may be more, and where the last of them lay."""

    gone: int
    full: bool
    last: Place


@dataclass(slots=True)
class _Run:
    """One run over one or several tables, with one allowance of rows and one of time."""

    session: Session
    heal: Heal
    began: float
    removed: int = 0
    called_off: bool = False

    async def work(self, jobs: tuple[_Job, ...]) -> Healed:
        """Does all of them, or what is allowed of them."""
        found = sum(job.found for job in jobs)
        if self.heal.dry_run:
            said = [_said(f"{job.found:,} {job.what} would be removed", job) for job in jobs]
            return Healed(0, found, "; ".join(["dry run", *said]))
        said = []
        for job in jobs:
            before = self.removed
            try:
                for leaf in job.table.leaves if job.found else ():
                    await self._empty(job, leaf)
            except CalledOff:
                self.called_off = True
            said.append(_said(self._outcome(job, self.removed - before), job))
        return Healed(self.removed, found, "; ".join(said))

    async def _empty(self, job: _Job, leaf: Leaf) -> None:
        """Takes out what may go of one file, until the allowance is used up."""
        sql = _REMOVE.format(leaf=leaf.named, these=job.these, span="")
        more = job.by_index
        while more and self._limit is None:
            batch = await self._remove(job, sql)
            if not batch.full:
                return
            more = batch.gone > 0
        # by no index, or whatever it leads to is kept by a trigger: the others are met on the way
        await self._walk(job, leaf)

    async def _walk(self, job: _Job, leaf: Leaf) -> None:
        """Once through the file, which has to be read as a whole: a span at a time, and never back."""
        sql = _REMOVE.format(leaf=leaf.named, these=job.these, span=_SPAN)
        clock, size = self.session.tools.clock, SPAN
        here: Place = (0, 0)
        while here < _END and self._limit is None:
            began = clock.monotonic()
            # the last span is open, because rows may be added meanwhile
            end = (here[0] + size, 0) if here[0] + size < leaf.blocks else _END
            batch = await self._remove(job, sql, here, end)
            here = batch.last if batch.full else end
            took = clock.monotonic() - began
            if not batch.full and took < QUICK:
                size = min(2 * size, LONGEST_SPAN)
            elif took > SLOW:
                size = max(size // 2, SPAN)

    async def _remove(self, job: _Job, sql: str, *span: Place) -> _Batch:
        wanted = min(self.heal.batch, self.heal.max_rows - self.removed)
        try:
            (row,) = await self.session.change(sql, wanted, *span)
        except StoreError as error:
            raise StoreError(
                f"{error}; {self.removed:,} rows had been removed before",
                started=error.started or self.removed > 0,
                unknown=error.unknown,
            ) from error
        self.removed += row["gone"]
        if row["gone"]:
            await self.session.tools.progress(f"{self.removed:,} removed of {job.what}")
        return _Batch(row["gone"], row["chosen"] == wanted, row["last"] or _END)

    @property
    def _limit(self) -> str | None:
        """Why no further batch may begin, if so."""
        if self.called_off:
            return "the rest is not needed any more"
        if self.removed >= self.heal.max_rows:
            return f"max_rows ({self.heal.max_rows:,}) is reached, the rest waits for the next run"
        if self.session.tools.clock.monotonic() - self.began > _REST * self.heal.seconds:
            return "the time is nearly over, the rest waits for the next run"
        return None

    def _outcome(self, job: _Job, removed: int) -> str:
        at_least = "at least " if job.found == COUNTED else ""
        text = f"removed {removed:,} of {at_least}{job.found:,} {job.what}"
        if removed >= job.found:
            return text
        why = self._limit or "the others are locked, kept by a trigger, or went by themselves"
        return f"{text}: {why}"


def _said(text: str, job: _Job) -> str:
    return f"{text} ({job.warning})" if job.warning else text
