"""Databases that are made for a while: to prove that a dump restores, or to restore beside what is in use."""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

import asyncpg

from receiver.backups.base import BackupError
from receiver.backups.catalog import dialled
from receiver.backups.libpq import at_database
from receiver.stores.identifiers import LONGEST, quoted
from receiver.stores.postgres_session import Connection
from receiver.stores.postgres_store import PostgresFacet

MAINTENANCE = ("postgres", "template1")
RESTORING = "restoring"
_LISTS = ("search_path", "temp_tablespaces", "session_preload_libraries", "local_preload_libraries")
_ACL = """
    SELECT CASE WHEN grantee = 0 THEN NULL ELSE pg_get_userbyid(grantee) END AS grantee, privilege_type AS privilege
    FROM aclexplode((SELECT array_agg(one::aclitem) FROM json_array_elements_text($1::json) AS one))
"""

_MARK = re.compile("[0-9a-f]{8}")
_ALONE = "SELECT pg_try_advisory_lock(hashtextextended('prunella restore ' || $1, 0))"
_NO_LIMIT = (
    "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
)


def named_like(database: str, word: str, mark: str = "") -> str:
    """A name for a database beside that one, as long as PostgreSQL takes."""
    ending = f"_{word}_{mark or secrets.token_hex(4)}"
    return database.encode()[: LONGEST - len(ending)].decode("utf-8", "ignore") + ending


def drill_prefix(target: str) -> str:
    """What the names of a target's scratch databases begin with."""
    return f"prunella_drill_{hashlib.sha256(target.encode()).hexdigest()[:10]}_"


@asynccontextmanager
async def managing(facet: PostgresFacet) -> AsyncIterator[Connection]:
    """A connection to the server that is not one to the database itself. Raises BackupError."""
    first, second = (elsewhere(facet, name) for name in MAINTENANCE)
    try:
        async with dialled(first) as db:
            await db.fetchval("SELECT 1")
        chosen = first
    except BackupError:
        chosen = second
    async with dialled(chosen) as db:
        yield db


@asynccontextmanager
async def restoring_alone(place: PostgresFacet, database: str) -> AsyncIterator[Connection]:
    """Nobody else restores that database on that server meanwhile, from whatever machine. Raises BackupError."""
    async with managing(place) as db:
        await db.execute(_NO_LIMIT)
        if not await db.fetchval(_ALONE, database):
            raise BackupError(
                f"another restore of {database} is under way on {place.named}", started=False
            )
        yield db


async def left_restoring(db: Connection, database: str) -> tuple[str, ...]:
    """Databases that restores of that one were filling when they were killed, or are filling now."""
    prefix = named_like(database, RESTORING, "0" * 8)[:-8]
    found = await db.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
    names = sorted(str(row["datname"]) for row in found)
    return tuple(name for name in names if _MARK.fullmatch(name.removeprefix(prefix)))


def elsewhere(facet: PostgresFacet, database: str) -> PostgresFacet:
    """The same server, another database."""
    return PostgresFacet.model_validate({"url": at_database(facet.dialled, database)})


async def create(db: Connection, name: str, like: Mapping[str, str]) -> None:
    """An empty database whose text is kept and ordered as in the one that was dumped. Raises BackupError."""
    words = {"ENCODING": "encoding", "LC_COLLATE": "collate", "LC_CTYPE": "ctype"}
    said = [f"{word} {_literal(like[key])}" for word, key in words.items() if like.get(key)]
    try:
        await db.execute(f"CREATE DATABASE {quoted(name)} TEMPLATE template0 {' '.join(said)}")
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(
            "the role may not make a database: ALTER ROLE … CREATEDB, or another server in `drill_url`",
            started=False,
        ) from error


async def drop(db: Connection, name: str) -> None:
    """With everybody who is in it."""
    await db.execute(f"DROP DATABASE IF EXISTS {quoted(name)} WITH (FORCE)")


async def drop_left(db: Connection, prefix: str) -> int:
    """Those that a killed drill left; how many there were."""
    left = await db.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix)
    for row in left:
        await drop(db, row["datname"])
    return len(left)


async def give(db: Connection, name: str, owner: str) -> None:
    """To another owner. Raises BackupError."""
    try:
        await db.execute(f"ALTER DATABASE {quoted(name)} OWNER TO {quoted(owner)}")
    except asyncpg.PostgresError as error:
        raise BackupError(
            f"it cannot belong to {owner} as before ({error}): make that role and us a member of it, or say --no-owner"
        ) from error


async def dress(db: Connection, name: str, like: Mapping[str, str]) -> tuple[str, ...]:
    """Gives it the owner, the settings and the privileges of the other; what could not be given."""
    left: list[str] = []
    orders = [f"ALTER DATABASE {quoted(name)} SET {one}" for one in _settings(like)]
    with suppress(asyncpg.PostgresError, ValueError):
        granted = await db.fetch(_ACL, like["privileges"]) if like.get("privileges") else []
        if granted:
            orders.append(f"REVOKE ALL ON DATABASE {quoted(name)} FROM PUBLIC")
        for row in granted:
            who = "PUBLIC" if row["grantee"] is None else quoted(row["grantee"])
            orders.append(f"GRANT {row['privilege']} ON DATABASE {quoted(name)} TO {who}")
    if like.get("owner"):
        orders.append(f"ALTER DATABASE {quoted(name)} OWNER TO {quoted(like['owner'])}")
    for order in orders:
        try:
            await db.execute(order)
        except asyncpg.PostgresError:
            left.append(order)
    return tuple(left)


def _settings(like: Mapping[str, str]) -> list[str]:
    try:
        found = [str(one).partition("=") for one in json.loads(like.get("settings") or "[]")]
    except ValueError:
        return []
    return [
        f"{quoted(name)} TO {value if name in _LISTS else _literal(value)}"
        for name, _, value in found
    ]


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
