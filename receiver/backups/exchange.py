"""The one moment of a restore that its users notice: the two names are exchanged, by one transaction and nothing else.

Its first rename locks the database, so that newcomers wait, and waits itself for the sessions that are in it, which another
connection ends meanwhile. Whoever dies in the middle is undone by the server: there is no moment in which the database has
no name, or lets nobody in.
"""

from __future__ import annotations

import asyncpg

from receiver.backups.base import BackupError, Ground
from receiver.backups.dump import beside
from receiver.backups.scratch import managing
from receiver.stores.identifiers import quoted
from receiver.stores.postgres_session import Connection
from receiver.stores.postgres_store import PostgresFacet
from receiver.tools import Tools

LEAVING = 30.0  # seconds that sessions may take to end; the server itself waits five
LOOK = 0.1
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()"


async def exchange(ground: Ground, place: PostgresFacet, name: str, new: str, kept: str) -> None:
    """`name` becomes `kept`, and `new` becomes `name`. Raises BackupError; everything is called as before then."""
    clock = ground.tools.clock
    until = clock.monotonic() + LEAVING
    async with managing(place) as db, managing(place) as other:
        while not await _exchanged(db, other, ground.tools, name, new, kept):
            if clock.monotonic() > until:
                raise BackupError(
                    f"the names could not be exchanged: sessions of {name} do not end, see pg_stat_activity and"
                    " pg_prepared_xacts"
                )


async def _exchanged(
    db: Connection, other: Connection, tools: Tools, name: str, new: str, kept: str
) -> bool:
    """Not so when somebody is still in it."""
    await _end_sessions(other, name)
    try:
        async with beside(lambda: _ending_sessions(other, name, tools)):
            await _rename(db, name, new, kept)
    except asyncpg.ObjectInUseError:
        return False
    except asyncpg.PostgresError as error:
        raise BackupError(f"the names could not be exchanged: {error}") from error
    return True


async def _rename(db: Connection, name: str, new: str, kept: str) -> None:
    async with db.transaction():
        await db.execute(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(kept)}")
        await db.execute(f"ALTER DATABASE {quoted(new)} RENAME TO {quoted(name)}")


async def _ending_sessions(db: Connection, name: str, tools: Tools) -> None:
    """For ever: somebody may have come in before the database was locked."""
    while True:
        await tools.clock.sleep(LOOK)
        await _end_sessions(db, name)


async def _end_sessions(db: Connection, name: str) -> None:
    try:
        await db.execute(_END, name)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(
            f"the sessions of {name} cannot be ended ({error}): GRANT pg_signal_backend to the role in the URL, or"
            " stop what uses the database"
        ) from error
