"""What a database holds, asked in the very snapshot that is dumped: so that a count is compared with the same moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from receiver.backups.base import BackupError
from receiver.stores.identifiers import parts_of, quoted
from receiver.stores.postgres_session import CLOSING, OURS, TROUBLE, Connection, explained
from receiver.stores.postgres_store import PostgresFacet

Table = tuple[str, str]  # schema and name
# what an extension brings is dumped as its name alone, and so is not counted either
_TABLES = """
    SELECT n.nspname AS schema, c.relname AS name
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                      AND d.deptype = 'e')
    ORDER BY pg_relation_size(c.oid) DESC, 1, 2
"""
_DATABASE = """
    SELECT d.datname AS name, pg_get_userbyid(d.datdba) AS owner, pg_encoding_to_char(d.encoding) AS encoding,
           d.datcollate AS collate, d.datctype AS ctype, current_setting('server_version') AS server,
           (SELECT coalesce(array_to_json(setconfig)::text, '[]') FROM pg_db_role_setting
            WHERE setdatabase = d.oid AND setrole = 0) AS settings,
           array_to_json(d.datacl::text[])::text AS privileges
    FROM pg_database AS d WHERE d.datname = current_database()
"""
_NO_LIMITS = """
    SELECT set_config(name, '0', true) FROM pg_settings
    WHERE name IN ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout',
                   'transaction_timeout', 'idle_session_timeout')
"""


@asynccontextmanager
async def dialled(facet: PostgresFacet) -> AsyncIterator[Connection]:
    """One connection, gone at the end; whatever the server says becomes words with a cure. Raises BackupError."""
    try:
        db = await asyncpg.connect(
            facet.dialled,
            timeout=facet.connect_timeout,
            statement_cache_size=0,
            server_settings={"application_name": f"{OURS}-backup"},
        )
    except (*TROUBLE, ValueError) as error:
        raise BackupError(str(explained(facet, error, unknown=False)), started=False) from error
    try:
        yield db
        with suppress(*TROUBLE):
            await db.close(timeout=CLOSING)
    except TROUBLE as error:
        if isinstance(error, TimeoutError) or isinstance(error.__cause__, BackupError):
            raise
        raise BackupError(str(explained(facet, error, unknown=False))) from error
    finally:
        if not db.is_closed():
            db.terminate()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One moment of a database; `name` is what `pg_dump --snapshot` takes."""

    db: Connection
    name: str

    async def tables(self) -> tuple[Table, ...]:
        """Those whose rows are dumped, the largest first."""
        return tuple((row["schema"], row["name"]) for row in await self.db.fetch(_TABLES))

    async def counts(self, tables: Sequence[Table]) -> dict[str, int]:
        """The rows of each."""
        return {
            f"{schema}.{name}": int(
                await self.db.fetchval(f"SELECT count(*) FROM ONLY {quoted(schema, name)}")  # noqa: S608 - quoted, and from the catalogue
            )
            for schema, name in tables
        }

    async def large_objects(self) -> int:
        """How many there are."""
        return int(await self.db.fetchval("SELECT count(*) FROM pg_largeobject_metadata"))

    async def properties(self) -> dict[str, str]:
        """What the database itself is like."""
        row = await self.db.fetchrow(_DATABASE)
        return {} if row is None else {key: str(value or "") for key, value in row.items()}

    async def empty(self, sentinels: Sequence[str]) -> tuple[str, ...]:
        """Of these tables, those that are missing or hold no row."""
        found = []
        for table in sentinels:
            name = quoted(*parts_of(table))
            there = await self.db.fetchval("SELECT to_regclass($1)", name)
            if there is None or not await self.db.fetchval(f"SELECT EXISTS (SELECT FROM {name})"):  # noqa: S608 - the name is quoted
                found.append(table)
        return tuple(found)


@asynccontextmanager
async def snapshot(facet: PostgresFacet) -> AsyncIterator[Snapshot]:
    """Holds one moment for as long as the block lasts. Raises BackupError."""
    async with dialled(facet) as db, db.transaction(isolation="repeatable_read", readonly=True):
        await db.execute(_NO_LIMITS)
        # what a policy hides would be missing without a word: an error instead
        await db.execute("SET LOCAL row_security = off")
        yield Snapshot(db, str(await db.fetchval("SELECT pg_export_snapshot()")))


def moment_of(counts: Mapping[str, int]) -> str:
    """In words."""
    return f"{sum(counts.values()):,} rows in {len(counts):,} tables"
