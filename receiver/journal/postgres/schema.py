"""Numbered migrations, applied by whichever receiver comes first while the others wait."""

from __future__ import annotations

import secrets
from importlib.resources import files

from receiver.journal import JournalUnavailable
from receiver.journal.postgres.session import SCHEMA, Connection
from receiver.journal.postgres.writer import LOCK

MIGRATIONS = (
    "postgres-0001.sql",
    "postgres-0002.sql",
    "postgres-0003.sql",
    "postgres-0004.sql",
    "postgres-0005.sql",
    "postgres-0006.sql",
    "postgres-0007.sql",
    "postgres-0008.sql",
    "postgres-0009.sql",
    "postgres-0010.sql",
    "postgres-0011.sql",
    "postgres-0012.sql",
    "postgres-0013.sql",
    "postgres-0014.sql",
)


async def migrate(db: Connection) -> str:
    """Brings the schema to this program's version; returns the journal's name. Raises JournalUnavailable."""
    async with db.transaction():
        await db.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        if await db.fetchval("SELECT to_regclass($1)", f"{SCHEMA}.migration") is None:
            await db.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            await db.execute("CREATE TABLE migration (number integer PRIMARY KEY)")
        have = int(await db.fetchval("SELECT coalesce(max(number), 0) FROM migration"))
        if have > len(MIGRATIONS):
            raise JournalUnavailable(
                f"the journal has schema {have}, this program knows {len(MIGRATIONS)}: run the newer program"
            )
        for number, name in enumerate(MIGRATIONS[have:], start=have + 1):
            script = files("receiver.journal.schema").joinpath(name).read_text(encoding="utf-8")
            await db.execute(script)
            await db.execute("INSERT INTO migration VALUES ($1)", number)
        await db.execute(
            "INSERT INTO meta VALUES ('name', $1) ON CONFLICT DO NOTHING", secrets.token_hex(4)
        )
        return str(await db.fetchval("SELECT value FROM meta WHERE key = 'name'"))
