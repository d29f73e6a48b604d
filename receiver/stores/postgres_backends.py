"""Ends sessions and queries on a PostgreSQL server: of the roles that the facet names, and of nobody else.

A pid may belong to another session, and a session to another query, by the time that it is signalled. So who was found
is found again, with every condition, by the very statement that signals; and that he is gone is looked at, not believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from receiver.stores.base import StoreError
from receiver.stores.postgres_session import OURS, Row, Session
from receiver.tools import CalledOff

State = Literal[
    "idle",
    "idle in transaction",
    "idle in transaction (aborted)",
    "active",
    "fastpath function call",
]
QUERYING: tuple[State, ...] = ("active", "fastpath function call")
BATCH = 50  # sessions that one statement signals
POLL = 0.05
PATIENCE = 5.0  # what a session or a query may take to end
_BETWEEN = 1.0  # who has just ended a statement of his transaction is at work, however old it is
_MAINTENANCE = " UNION ALL ".join(
    f"SELECT p.pid FROM pg_stat_progress_{task} AS p"  # noqa: S608 - our own words
    for task in ("vacuum", "analyze", "create_index", "cluster")
)
# $1 roles, $2 databases, $3 programs, $4 states, $5 seconds; $6 to $8 who was found before
_THOSE = f"""
    FROM pg_stat_activity AS a JOIN pg_roles AS r ON r.oid = a.usesysid
    WHERE a.backend_type = 'client backend'
      AND r.rolname = ANY($1::text[]) AND NOT r.rolsuper AND NOT r.rolreplication
      AND a.datname = ANY(CASE WHEN cardinality($2::text[]) > 0 THEN $2::text[]
                               ELSE ARRAY[current_database()::text] END)
      AND a.pid <> pg_backend_pid()
      AND a.application_name NOT LIKE '{OURS}%'
      AND a.application_name <> ALL($3::text[])
      AND a.pid NOT IN (SELECT s.active_pid FROM pg_replication_slots AS s WHERE s.active_pid IS NOT NULL)
      AND a.pid NOT IN ({_MAINTENANCE})
      AND a.state = ANY($4::text[])
      AND extract(epoch FROM clock_timestamp() - CASE
            WHEN a.state = 'idle' THEN a.state_change
            WHEN a.state LIKE 'idle in transaction%' THEN coalesce(a.xact_start, a.state_change)
            ELSE a.query_start END) > $5::float8
      AND (a.state NOT LIKE 'idle in transaction%'
           OR extract(epoch FROM clock_timestamp() - a.state_change) > {_BETWEEN})
"""  # noqa: S608 - our own words, every value is a parameter
_FIND = f"SELECT a.pid, a.backend_start, a.query_start {_THOSE} ORDER BY a.pid"
# materialised, so that nobody is signalled before every condition has been looked at
_SIGNAL = """
    WITH still AS MATERIALIZED (SELECT a.pid, a.backend_start, a.query_start {those} AND {the_same})
    SELECT pid, backend_start, query_start FROM still WHERE {signal}(pid)
"""
_SAME_SESSION = """
    (a.pid, a.backend_start) IN (SELECT * FROM unnest($6::int[], $7::timestamptz[]))
    AND cardinality($8::timestamptz[]) >= 0
"""
_SAME_QUERY = """
    (a.pid, a.backend_start, a.query_start)
    IN (SELECT * FROM unnest($6::int[], $7::timestamptz[], $8::timestamptz[]))
"""
_END_SESSION = _SIGNAL.format(those=_THOSE, the_same=_SAME_SESSION, signal="pg_terminate_backend")
_END_FOR_QUERY = _SIGNAL.format(those=_THOSE, the_same=_SAME_QUERY, signal="pg_terminate_backend")
_CANCEL_QUERY = _SIGNAL.format(those=_THOSE, the_same=_SAME_QUERY, signal="pg_cancel_backend")
_ALIVE = """
    SELECT a.pid, a.backend_start, a.query_start FROM pg_stat_activity AS a
    WHERE (a.pid, a.backend_start) IN (SELECT * FROM unnest($1::int[], $2::timestamptz[]))
"""
_RUNNING = """
    SELECT a.pid, a.backend_start, a.query_start FROM pg_stat_activity AS a
    WHERE (a.pid, a.backend_start, a.query_start)
          IN (SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::timestamptz[]))
      AND a.state IN ('active', 'fastpath function call')
"""
_ROLES = """
    SELECT r.rolname AS name, r.rolsuper AS super, r.rolreplication AS replication,
           pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_read_all_stats', 'USAGE') AS seen,
           pg_has_role(r.oid, 'USAGE') OR pg_has_role('pg_signal_backend', 'USAGE') AS signalled
    FROM pg_roles AS r WHERE r.rolname = ANY($1::text[]) ORDER BY r.rolname
"""
_ALL = """
    SELECT count(*) AS sessions, count(*) FILTER (WHERE a.state = 'disabled') AS hidden
    FROM pg_stat_activity AS a
    WHERE a.usename = ANY($1::text[]) AND a.backend_type = 'client backend'
      AND a.datname = ANY(CASE WHEN cardinality($2::text[]) > 0 THEN $2::text[]
                               ELSE ARRAY[current_database()::text] END)
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose sessions, in which states, and for how many seconds at least."""

    users: tuple[str, ...]
    states: tuple[State, ...]
    older_than: float


@dataclass(frozen=True, slots=True)
class Backend:
    """One session as it was seen; a pid alone is nobody."""

    pid: int
    start: datetime
    query: datetime | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of it: of `sessions` in all, so many were `found` to fit.

    `left` were signalled and are there all the same; `beside` is what an operator should know besides.
    """

    sessions: int
    found: int
    cancelled: int = 0
    terminated: int = 0
    left: int = 0
    beside: str = ""


async def end_sessions(session: Session, wanted: Wanted) -> Ended:
    """Terminates the sessions that fit and waits until they are gone. Raises StoreError."""
    hunt = await _begin(session, wanted)
    found = await hunt.find()
    signalled = await hunt.signal(_END_SESSION, found)
    left = await hunt.wait(_ALIVE, signalled)
    return hunt.report(found, terminated=len(signalled) - len(left), left=len(left))


async def stop_queries(session: Session, wanted: Wanted, *, terminate: bool) -> Ended:
    """Cancels the queries that fit and waits until they have ended; with `terminate` ends the sessions of those that
    do not. Raises StoreError."""
    hunt = await _begin(session, wanted)
    found = await hunt.find()
    signalled = await hunt.signal(_CANCEL_QUERY, found)
    deaf = await hunt.wait(_RUNNING, signalled)
    cancelled = len(signalled) - len(deaf)
    if not (deaf and terminate):
        return hunt.report(found, cancelled=cancelled, left=len(deaf))
    ended = await hunt.signal(_END_FOR_QUERY, deaf)
    left = await hunt.wait(_ALIVE, ended)
    return hunt.report(
        found, cancelled=cancelled, terminated=len(ended) - len(left), left=len(left)
    )


@dataclass(frozen=True, slots=True)
class _Hunt:
    """The steps that both have in common."""

    session: Session
    wanted: Wanted
    sessions: int
    beside: str

    @property
    def conditions(self) -> tuple[object, ...]:
        facet, wanted = self.session.facet, self.wanted
        return (
            *(list(wanted.users), list(facet.databases), list(facet.protect)),
            *(list(wanted.states), float(wanted.older_than)),
        )

    async def find(self) -> list[Backend]:
        return _backends(await self.session.ask(_FIND, *self.conditions))

    async def signal(self, sql: str, found: Sequence[Backend]) -> list[Backend]:
        """Those that still fitted at the moment, and were signalled."""
        signalled: list[Backend] = []
        for at in range(0, len(found), BATCH):
            some = found[at : at + BATCH]
            try:
                rows = await self.session.change(sql, *self.conditions, *_columns(some))
            except CalledOff:
                break
            except StoreError as error:  # what was signalled stays so, whatever is rolled back
                raise StoreError(str(error), unknown=error.unknown) from error
            signalled += _backends(rows)
            await self.session.tools.progress(f"{len(signalled)} of {len(found)} signalled")
        return signalled

    async def wait(self, sql: str, signalled: Sequence[Backend]) -> list[Backend]:
        """Those that are there all the same when the patience is over."""
        clock = self.session.tools.clock
        deadline = clock.monotonic() + PATIENCE
        pids, starts, queries = _columns(signalled)
        values = (pids, starts) if sql is _ALIVE else (pids, starts, queries)
        left = list(signalled)
        while left:
            left = _backends(await self.session.ask(sql, *values))
            if not left or clock.monotonic() > deadline:
                break
            await clock.sleep(POLL)
        return left

    def report(
        self, found: Sequence[Backend], *, cancelled: int = 0, terminated: int = 0, left: int = 0
    ) -> Ended:
        return Ended(self.sessions, len(found), cancelled, terminated, left, self.beside)


async def _begin(session: Session, wanted: Wanted) -> _Hunt:
    """Whom it may touch, and how many there are. Raises StoreError when it may touch nobody."""
    beside = await _roles(session, wanted.users)
    databases = list(session.facet.databases)
    (row,) = await session.ask(_ALL, list(wanted.users), databases)
    if row["hidden"]:
        beside = f"{beside}; {row['hidden']} sessions hide their state (track_activities is off)"
    return _Hunt(session, wanted, row["sessions"], beside)


async def _roles(session: Session, users: Sequence[str]) -> str:
    """What is to be said about them; the statements themselves leave the privileged alone."""
    known = {row["name"]: row for row in await session.ask(_ROLES, list(users))}
    missing = [user for user in users if user not in known]
    spared = [name for name, row in known.items() if row["super"] or row["replication"]]
    closed = [name for name, row in known.items() if name not in spared and not row["signalled"]]
    unseen = [name for name, row in known.items() if name not in spared and not row["seen"]]
    where = session.facet.named
    if missing:
        raise _never(f"{where}: there is no role {_list(missing)}: correct postgres.users")
    if len(spared) == len(known):
        raise _never(
            f"{where}: sessions of superusers and of replication are never ended, and {_list(spared)} is one:"
            " give the application a role without these rights"
        )
    if closed or unseen:
        raise _never(
            f"{where}: no right to end the sessions of {_list([*closed, *unseen])}:"
            " GRANT pg_read_all_stats, pg_signal_backend TO the role in postgres.url"
        )
    return f"; {_list(spared)} was left alone (superuser or replication)" if spared else ""


def _never(text: str) -> StoreError:
    return StoreError(text, started=False)


def _list(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _backends(rows: Sequence[Row]) -> list[Backend]:
    return [Backend(row["pid"], row["backend_start"], row["query_start"]) for row in rows]


def _columns(
    backends: Sequence[Backend],
) -> tuple[list[int], list[datetime], list[datetime | None]]:
    return (
        [one.pid for one in backends],
        [one.start for one in backends],
        [one.query for one in backends],
    )
