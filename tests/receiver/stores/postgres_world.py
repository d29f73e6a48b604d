"""A private PostgreSQL with everybody on it: an application, others, a superuser, a replica, and the receiver's role."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import quote

import asyncpg

from prunella.service.clock import Clock, SystemClock
from prunella.service.settings import Secret
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools
from tests.receiver.stand_ins import StandInHttp, StandInPrograms
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"
PASSWORD = "c4nary:p@ss/w%rd"
ROLES = f"""
    CREATE ROLE app LOGIN; CREATE ROLE jobs LOGIN; CREATE ROLE other LOGIN;
    CREATE ROLE boss LOGIN SUPERUSER; CREATE ROLE copier LOGIN REPLICATION;
    CREATE ROLE hidden LOGIN; ALTER ROLE hidden SET track_activities = off;
    CREATE ROLE healer LOGIN PASSWORD '{PASSWORD}'; GRANT pg_read_all_stats, pg_signal_backend TO healer;
    CREATE ROLE weak LOGIN PASSWORD '{PASSWORD}';
    CREATE ROLE mighty LOGIN SUPERUSER PASSWORD '{PASSWORD}';
"""
# a session that hears no pg_cancel_backend
DEAF = """
    DO $$ BEGIN
      LOOP
        BEGIN PERFORM pg_sleep(600); EXCEPTION WHEN query_canceled THEN NULL; END;
      END LOOP;
    END $$
"""
ROOMY = ("max_connections=400", "wal_level=logical", "max_prepared_transactions=5")


@contextmanager
def roomy_server() -> Iterator[PostgresServer]:
    with postgres_server(settings=ROOMY) as server:
        server.sql(ROLES)
        yield server


@dataclass
class World:
    """One database on it, and the sessions that a test has opened there."""

    server: PostgresServer
    database: str
    stack: AsyncExitStack
    tasks: list[asyncio.Task[object]] = field(default_factory=list)

    def url(self, role: str = "healer", password: str = PASSWORD) -> str:
        return (
            f"postgresql://{role}:{quote(password, safe='')}@127.0.0.1:{self.server.port}"
            f"/{self.database}"
        )

    def facet(self, role: str = "healer", **keys: Any) -> PostgresFacet:
        return PostgresFacet.model_validate({"url": Secret(self.url(role)), **keys})

    def sql(self, statement: str) -> str:
        return self.server.sql(statement, self.database)

    async def login(self, role: str = "app", program: str = "web", **where: Any) -> Connection:
        """A session over the socket, where nobody asks for a password."""
        db = await asyncpg.connect(
            host=str(self.server.folder),
            port=self.server.port,
            user=role,
            database=where.get("database", self.database),
            server_settings={"application_name": program},
        )
        self.stack.callback(db.terminate)
        return db

    async def idle(self, role: str = "app", program: str = "web", **where: Any) -> Connection:
        db = await self.login(role, program, **where)
        await db.execute("SELECT 1")
        return db

    async def in_transaction(self, role: str = "app", program: str = "web") -> Connection:
        db = await self.login(role, program)
        await db.execute("BEGIN; SELECT 1")
        return db

    async def aborted(self, role: str = "app") -> Connection:
        db = await self.login(role)
        with suppress(asyncpg.DivisionByZeroError):
            await db.execute("BEGIN; SELECT 1/0")
        return db

    async def active(
        self, role: str = "app", program: str = "web", sql: str = "SELECT pg_sleep(600)"
    ) -> Connection:
        """A session that runs it; how the query ends is nobody's affair."""
        db = await self.login(role, program)

        async def run() -> None:
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                await db.execute(sql)

        self.tasks.append(asyncio.ensure_future(run()))
        await self.running(db)
        return db

    async def aged(self, seconds: float = 1.1) -> None:
        """Until everybody here has been doing the same for so long."""
        young = """
            SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND pid <> pg_backend_pid() AND backend_type = 'client backend'
            AND coalesce(state_change, backend_start) > clock_timestamp() - make_interval(secs => $1)
        """
        db = await self.login("boss")

        async def old() -> bool:
            return int(await db.fetchval(young, seconds)) == 0

        await until(old, "everybody is old", every=0.1)
        await db.close()

    async def states(self, *sessions: Connection) -> list[str | None]:
        """What each is doing, as the server sees it."""
        db = await self.login("boss")
        rows = await db.fetch("SELECT pid, state FROM pg_stat_activity")
        await db.close()
        found = {row["pid"]: row["state"] for row in rows}
        return [found.get(session.get_server_pid()) for session in sessions]

    async def running(self, session: Connection) -> None:
        """Until its query is under way."""

        async def active() -> bool:
            return await self.states(session) == ["active"]

        await until(active, "the query runs")

    async def cancel(self, session: Connection) -> None:
        """Ends what it is doing, as its own user would."""
        self.sql(f"SELECT pg_cancel_backend({session.get_server_pid()})")

        async def idle() -> bool:
            return await self.states(session) == ["idle"]

        await until(idle, "it is idle")

    async def alive(self, *sessions: Connection) -> list[bool]:
        """Of each whether the server still has it."""
        db = await self.login("boss")
        pids = {row["pid"] for row in await db.fetch("SELECT pid FROM pg_stat_activity")}
        await db.close()
        return [session.get_server_pid() in pids for session in sessions]

    async def end(self) -> None:
        await self.stack.aclose()
        # a server does not see that nobody waits for its answer any more
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        self.sql(f"{end} AND pid <> pg_backend_pid()")
        await asyncio.gather(*self.tasks, return_exceptions=True)


# quicker than a new database
_EMPTY = """
    DO $$ DECLARE one text; BEGIN
      FOR one IN SELECT quote_ident(nspname) FROM pg_namespace
                 WHERE nspname NOT LIKE 'pg_%' AND nspname <> 'information_schema' LOOP
        EXECUTE 'DROP SCHEMA ' || one || ' CASCADE';
      END LOOP;
      EXECUTE 'ALTER DATABASE ' || current_database() || ' RESET ALL';
    END $$;
    CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO PUBLIC; ALTER ROLE app RESET ALL
"""


@asynccontextmanager
async def a_world(server: PostgresServer, database: str) -> AsyncIterator[World]:
    """Nothing is in the database, and nobody but the test at it."""
    server.sql(_EMPTY, database)
    async with AsyncExitStack() as stack:
        world = World(server, database, stack)
        try:
            yield world
        finally:
            await world.end()


class HurriedClock(SystemClock):
    """Ten times as fast, for who waits for something that will not come."""

    def monotonic(self) -> float:
        return 10 * super().monotonic()

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds / 10)


def real_tools(
    require_lease: Callable[[], None] = lambda: None,
    said: list[str] | None = None,
    clock: Clock | None = None,
) -> Tools:
    """Time passes, and what is said on the way is kept in `said`."""

    async def progress(text: str) -> None:
        if said is not None:
            said.append(text)

    return Tools(
        clock=clock or SystemClock(),
        http=StandInHttp(),
        programs=StandInPrograms(),
        require_lease=require_lease,
        progress=progress,
    )
