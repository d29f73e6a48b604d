"""The names are exchanged at once or not at all, whoever is in the database, and whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import pytest
import yaml

from receiver.backups.base import BackupError
from receiver.backups.catalog import dialled
from receiver.backups.exchange import exchange
from receiver.backups.making import back_up
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from receiver.stores.postgres_session import TROUBLE
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import a_ground, a_shop, config_of, everything
from tests.receiver.stand_ins import SteppedClock
from tests.servers.postgres import PostgresServer
from tests.servers.process import until

pytestmark = pytest.mark.server
RENAMING = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query ~ '^ALTER DATABASE .* RENAME'"
USED = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'"


def two(server: PostgresServer) -> tuple[str, str, str]:
    """A database, the one that is to take its name, and what the first is to be called then."""
    name, new = server.database(), server.database()
    for database in (name, new):
        server.sql(f"CREATE TABLE which AS SELECT '{database}'::text AS name", database)
    return name, new, f"{name}_before"


def which(server: PostgresServer, database: str) -> str:
    """As what it was made."""
    return server.sql("SELECT name FROM which", database)


def there(server: PostgresServer, beginning: str) -> list[str]:
    """Databases whose names begin so and that take connections."""
    where = f"datallowconn AND starts_with(datname, '{beginning}')"
    return server.sql(f"SELECT datname FROM pg_database WHERE {where} ORDER BY 1").split()


@asynccontextmanager
async def somebody_who_does_not_leave(server: PostgresServer, database: str) -> AsyncIterator[None]:
    """A session whose server process stands still, so that nothing ends it."""
    db = await asyncpg.connect(server.url(database))
    pid = int(await db.fetchval("SELECT pg_backend_pid()"))
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
        db.terminate()


async def test_the_new_one_has_the_name_and_the_old_one_is_kept(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    ground = a_ground(server, name, tmp_path)
    await exchange(ground, ground.database, name, new, kept)
    assert (which(server, name), which(server, kept)) == (new, name)
    assert there(server, new) == []


async def test_whoever_is_in_it_is_sent_away_and_finds_the_new_one(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    ground = a_ground(server, name, tmp_path)
    db = await asyncpg.connect(server.url(name))
    await db.execute("BEGIN; LOCK TABLE which")
    await exchange(ground, ground.database, name, new, kept)
    with pytest.raises(TROUBLE):
        await db.fetchval("SELECT 1")
    again = await asyncpg.connect(server.url(name))
    assert await again.fetchval("SELECT name FROM which") == new
    await again.close()


async def test_a_pool_that_comes_back_at_once_does_not_keep_it_from_happening(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    ground, over = a_ground(server, name, tmp_path), asyncio.Event()

    async def use() -> list[str]:
        """What each answer said, in order."""
        seen: list[str] = []
        while not over.is_set() or seen[-1:] != [new]:
            with suppress(BackupError, *TROUBLE):
                async with dialled(ground.database) as db:
                    while not over.is_set() or seen[-1:] != [new]:
                        seen.append(await db.fetchval("SELECT name FROM which"))
        return seen

    users = [asyncio.ensure_future(use()) for _ in range(4)]
    await until(lambda: int(server.sql(USED.format(name))) > 3, "they are in it")
    await exchange(ground, ground.database, name, new, kept)
    over.set()
    for seen in await asyncio.gather(*users):
        assert seen == sorted(seen, key=[name, new].index)  # nobody was ever back in the old one


async def test_sessions_that_do_not_end_are_said_and_everything_is_called_as_before(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    ground = a_ground(server, name, tmp_path, clock=SteppedClock())
    async with somebody_who_does_not_leave(server, name):
        with pytest.raises(BackupError, match="do not end, see pg_stat_activity"):
            await exchange(ground, ground.database, name, new, kept)
    assert (which(server, name), which(server, new)) == (name, new)
    assert there(server, kept) == []


async def test_a_role_that_may_end_nobody_is_told_what_it_needs(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    role = f"r{name}"
    server.sql(f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD 'x'")
    server.sql(f"ALTER DATABASE {name} OWNER TO {role}; ALTER DATABASE {new} OWNER TO {role}")
    place = PostgresFacet.model_validate(
        {"url": f"postgresql://{role}:x@127.0.0.1:{server.port}/{name}"}
    )
    db = await asyncpg.connect(server.url(name))
    with pytest.raises(BackupError, match="GRANT pg_signal_backend"):
        await exchange(a_ground(server, name, tmp_path), place, name, new, kept)
    assert await db.fetchval("SELECT name FROM which") == name
    await db.close()


async def test_a_name_that_is_taken_already_changes_nothing(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, new, kept = two(server)
    server.sql(f"CREATE DATABASE {kept}")
    ground = a_ground(server, name, tmp_path)
    with pytest.raises(BackupError, match=r"could not be exchanged: .*already exists"):
        await exchange(ground, ground.database, name, new, kept)
    assert (which(server, name), which(server, new)) == (name, new)


@pytest.mark.timeout(180)
async def test_a_restore_that_is_killed_in_the_exchange_leaves_the_database_as_it_was(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, store = a_shop(server, 10), tmp_path / "store"
    store.mkdir()
    ground, before = a_ground(server, name, store), everything(server, name)
    await back_up(ground, Kind.DATABASE)
    file = tmp_path / "receiver.yml"
    file.write_text(yaml.safe_dump(config_of(server, name, store)))
    argv = ("-m", "receiver.cli", "backup", "restore", "db", "--replace", "--config", str(file))
    async with somebody_who_does_not_leave(server, name):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *argv),
            stderr=asyncio.subprocess.PIPE,
            stdin=asyncio.subprocess.DEVNULL,
        )
        assert process.stderr is not None
        while b"exchanging the names" not in (line := await process.stderr.readline()):
            assert line, "it ended before"
        await until(lambda: server.sql(RENAMING) != "0", "the names are being exchanged")
        process.kill()
        await process.wait()
    (left,) = [one for one in there(server, name) if one != name]
    assert everything(server, name) == before
    planned = await plan(ground, None, None, replace=True)
    assert planned.left == (left,)
    assert f"{left} is left of a restore that was killed, and is dropped" in planned.steps
    await restore(ground, planned)
    assert left not in there(server, name)
    assert everything(server, name) == before
