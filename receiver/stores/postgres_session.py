"""One connection for one action: every wait on it has an end, and every error of the driver becomes words with a cure.

Each statement is a transaction of its own that brings its limits along, so that nothing depends on a session: behind a
PgBouncer in transaction mode there is none.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import asyncpg

from prunella.redaction import printable, redact
from receiver.stores.base import StoreError
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools

OURS = "prunella"  # what every application_name of this project begins with
GRACE = 2.0  # what the server may take to say that its own limit was reached
CLOSING = 2.0
FULL_AGAIN = 0.25
_LONGEST = 300
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
Row: TypeAlias = asyncpg.Record
TROUBLE = (
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
    *(OSError, TimeoutError),
)
_LOST = (
    *(asyncpg.PostgresConnectionError, asyncpg.AdminShutdownError, asyncpg.CrashShutdownError),
    *(asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError),
)
_UNSEEN = (
    *(TimeoutError, asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
    asyncpg.InvalidCatalogNameError,
)
# the first that fits is said; {said} is the server's own sentence
_CURES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (
        (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError),
        "refuses the login ({said}): look at user and password in postgres.url, and at pg_hba.conf",
    ),
    (asyncpg.InvalidCatalogNameError, "{said}: look at the database in postgres.url"),
    (
        asyncpg.TooManyConnectionsError,
        (
            "has no connection left for the receiver ({said}): leave some by ALTER ROLE … CONNECTION LIMIT for"
            " the application's role, or from PostgreSQL 16 on by reserved_connections and"
            " GRANT pg_use_reserved_connections TO the receiver's"
        ),
    ),
    (asyncpg.CannotConnectNowError, "takes no connections now ({said})"),
    (
        asyncpg.LockNotAvailableError,
        "somebody holds a lock on it for longer than postgres.lock_timeout ({said}): see pg_locks",
    ),
    (
        asyncpg.QueryCanceledError,
        "it took longer than postgres.statement_timeout ({said}): an index may be missing",
    ),
    (
        asyncpg.ForeignKeyViolationError,
        "the foreign key {key} forbids it: remove those rows first, or give it ON DELETE",
    ),
    (
        asyncpg.ReadOnlySQLTransactionError,
        "it is read-only ({said}): a stand-by? postgres.url must name the primary",
    ),
    (asyncpg.UndefinedFunctionError, "{said}: the two columns hold different types"),
    (asyncpg.InsufficientPrivilegeError, "{said}: see what the postgres facet needs to be granted"),
    (asyncpg.RaiseError, "a trigger or function of the database refuses it: {said}"),
    (TimeoutError, "does not answer: it hangs, is overloaded, or the network drops its packets"),
    (ConnectionRefusedError, "cannot be reached ({said}): does it run, is the address right?"),
)


class PostgresUnseen(StoreError):
    """It did not answer in time, or does not let us ask: nothing is known about its state."""


@dataclass(frozen=True, slots=True)
class Session:
    """One connection, for one action."""

    facet: PostgresFacet
    tools: Tools
    db: Connection

    async def ask(self, sql: str, *values: Any) -> list[Row]:
        """The answer to a question, which surely changes nothing. Raises StoreError."""
        return await self._transaction("READ ONLY", sql, values)

    async def change(self, sql: str, *values: Any) -> list[Row]:
        """The answer to a statement that has an effect; asks for the lease right before. Raises StoreError."""
        self.tools.require_lease()
        return await self._transaction("READ WRITE", sql, values)

    async def _transaction(self, access: str, sql: str, values: tuple[Any, ...]) -> list[Row]:
        try:
            async with asyncio.timeout(self.facet.statement_timeout + GRACE):
                await self.db.execute(self._begin(access))
                rows = await self.db.fetch(sql, *values)
                await self.db.execute("COMMIT")
        except TROUBLE as error:
            # what the server refuses is rolled back as a whole
            unknown = access == "READ WRITE" and isinstance(error, _LOST)
            raise explained(self.facet, error, unknown=unknown) from error
        return rows

    def _begin(self, access: str) -> str:
        limits = {
            "statement_timeout": _milliseconds(self.facet.statement_timeout),
            "lock_timeout": _milliseconds(self.facet.lock_timeout),
            # whoever is stopped in a transaction holds up all others
            "idle_in_transaction_session_timeout": "5000",
            # what a policy hides would look as if it were not there: an error instead
            "row_security": "off",
        }
        settings = ", ".join(f"set_config('{key}', '{to}', true)" for key, to in limits.items())
        return f"BEGIN ISOLATION LEVEL READ COMMITTED {access}; SELECT {settings}"


@asynccontextmanager
async def connected(facet: PostgresFacet, tools: Tools) -> AsyncIterator[Session]:
    """A connection that is gone at the end, whatever happened. Raises StoreError."""
    db = await _dial(facet, tools)
    try:
        yield Session(facet, tools, db)
        with suppress(*TROUBLE):
            await db.close(timeout=CLOSING)
    finally:
        if not db.is_closed():
            db.terminate()


async def _dial(facet: PostgresFacet, tools: Tools) -> Connection:
    """A new connection; where the server is full, as soon as there is room within the time."""
    deadline = tools.clock.monotonic() + facet.connect_timeout
    while True:
        try:
            return await asyncpg.connect(
                facet.dialled,
                timeout=facet.connect_timeout,
                statement_cache_size=0,
                server_settings={"application_name": OURS},
            )
        except asyncpg.TooManyConnectionsError as error:
            if tools.clock.monotonic() > deadline:
                raise explained(facet, error, unknown=False) from error
        except (*TROUBLE, ValueError) as error:
            raise explained(facet, error, unknown=False) from error
        await tools.clock.sleep(FULL_AGAIN)


def explained(facet: PostgresFacet, error: BaseException, *, unknown: bool) -> StoreError:
    """The driver's error as ours: whose it is, what is wrong, what to do."""
    said = printable(redact(str(error).partition("\n")[0]))[:_LONGEST] or type(error).__name__
    form = next((form for kinds, form in _CURES if isinstance(error, kinds)), "{said}")
    key = getattr(error, "constraint_name", None) or "of another table"
    table = getattr(error, "table_name", None)
    why = form.format(said=said, key=f"{key} of {table}" if table else key)
    kind = PostgresUnseen if isinstance(error, _UNSEEN) else StoreError
    text = facet.without_secrets(f"{facet.named}: {why}")
    return kind(text, started=unknown, unknown=unknown)


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))


async def ping(facet: PostgresFacet, tools: Tools, seconds: float) -> None:
    """One login and one query within so many seconds. Raises StoreError, PostgresUnseen when the time is over."""
    try:
        async with asyncio.timeout(seconds), connected(facet, tools) as session:
            await session.ask("SELECT 1")
    except TimeoutError as error:
        raise explained(facet, error, unknown=False) from error
