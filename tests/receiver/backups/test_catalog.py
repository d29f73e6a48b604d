"""What a snapshot counts is what pg_dump writes: no more, no less, and of one moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from receiver.backups.base import BackupError
from receiver.backups.catalog import dialled, moment_of, snapshot
from receiver.backups.making import back_up
from receiver.backups.manifest import read_manifest
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import a_ground, a_shop, names_in
from tests.servers.postgres import PASSWORD, PostgresServer
from tests.servers.process import until

pytestmark = pytest.mark.server


def facet_on(server: PostgresServer, name: str) -> PostgresFacet:
    return PostgresFacet.model_validate({"url": server.url(name)})


async def counted(server: PostgresServer, name: str) -> dict[str, int]:
    async with snapshot(facet_on(server, name)) as moment:
        return await moment.counts(await moment.tables())


@pytest.mark.parametrize(
    ("sentinels", "wrong"),
    [
        (["customers", "gone"], "gone of `sentinels`"),
        (["odd"], "odd of `sentinels`"),
        (["orders", "public.odd", "gone"], "public.odd, gone of `sentinels`"),
    ],
)
async def test_a_database_without_what_must_be_in_it_is_not_kept_and_nothing_let_go(
    server: PostgresServer, tmp_path: Path, sentinels: list[str], wrong: str
) -> None:
    name = a_shop(server, 5)
    server.sql("CREATE TABLE odd (x int)", name)
    good = await back_up(a_ground(server, name, tmp_path), Kind.DATABASE)
    strict = a_ground(server, name, tmp_path, sentinels=sentinels, keep="1s", keep_last=1)
    with pytest.raises(BackupError, match=f"{wrong} is missing or empty"):
        await back_up(strict, Kind.DATABASE)
    assert names_in(tmp_path)[0] == good.name
    assert not read_record(tmp_path, "db")["database"].ok


async def test_a_database_with_what_must_be_in_it_is_kept(
    server: PostgresServer, tmp_path: Path
) -> None:
    there = ["customers", '"odd schema"."Ta""ble é"', "events"]
    ground = a_ground(server, a_shop(server, 5), tmp_path, sentinels=there)
    made = await back_up(ground, Kind.DATABASE)
    assert made.manifest.tables["public.customers"] == 5


async def test_rows_of_children_count_once(server: PostgresServer, tmp_path: Path) -> None:
    name = server.database()
    server.sql(
        "CREATE TABLE parent (x int); CREATE TABLE child () INHERITS (parent);"
        " INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3)",
        name,
    )
    assert await counted(server, name) == {"public.parent": 1, "public.child": 2}
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    assert (await prove(ground)).rows == 3


async def test_an_export_of_a_parent_holds_its_own_rows_alone(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql(
        "CREATE TABLE parent (x int); CREATE TABLE child () INHERITS (parent);"
        " INSERT INTO parent VALUES (1); INSERT INTO child VALUES (2), (3)",
        name,
    )
    ground = a_ground(server, name, tmp_path, tables=["parent", "child"])
    made = await back_up(ground, Kind.EXPORT)
    assert read_manifest(tmp_path / made.name).tables == {"public.parent": 1, "public.child": 2}


async def test_what_an_extension_brings_is_not_counted_because_it_is_not_dumped(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql(
        "CREATE EXTENSION hstore; CREATE TABLE mine (x int); CREATE TABLE its (x int);"
        " INSERT INTO its VALUES (1); ALTER EXTENSION hstore ADD TABLE its",
        name,
    )
    assert await counted(server, name) == {"public.mine": 0}


async def test_no_limit_of_the_role_or_the_database_cuts_a_backup_short(
    server: PostgresServer,
) -> None:
    name = server.database()
    limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    for limit in limits:
        server.sql(f"ALTER DATABASE {name} SET {limit} = '4s'")
    async with snapshot(facet_on(server, name)) as moment:
        for limit in limits:
            assert await moment.db.fetchval("SELECT current_setting($1)", limit) == "0"


async def test_rows_that_a_policy_hides_are_an_error_and_not_missing(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    role = f"r{name}"
    server.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO {role}")
    server.sql(
        "CREATE TABLE hidden (x int); INSERT INTO hidden VALUES (1);"
        " ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON hidden USING (false)",
        name,
    )
    url = f"postgresql://{role}:x@127.0.0.1:{server.port}/{name}"
    postgres = PostgresFacet.model_validate({"url": url})
    ground = replace(a_ground(server, name, tmp_path, tables=["hidden"]), postgres=postgres)
    for kind in (Kind.DATABASE, Kind.EXPORT):
        with pytest.raises(BackupError, match="row-level security"):
            await back_up(ground, kind)
    assert names_in(tmp_path) == []


async def test_what_looks_cannot_write(server: PostgresServer) -> None:
    name = a_shop(server, 1)
    with pytest.raises(BackupError, match="read-only"):
        async with snapshot(facet_on(server, name)) as moment:
            await moment.db.execute("DELETE FROM orders")
    assert server.sql("SELECT count(*) FROM orders", name) == "1"


async def test_a_session_that_is_ended_meanwhile_is_said_without_the_password(
    server: PostgresServer,
) -> None:
    name = a_shop(server, 1)

    async def look() -> None:
        async with snapshot(facet_on(server, name)) as moment:
            pid = await moment.db.fetchval("SELECT pg_backend_pid()")
            server.sql(f"SELECT pg_terminate_backend({pid})")
            await moment.tables()

    with pytest.raises(BackupError) as told:
        await look()
    assert told.value.started
    assert PASSWORD not in str(told.value)


async def test_nobody_stays_connected_whatever_happens(server: PostgresServer) -> None:
    name = server.database()
    for failing in (None, BackupError("x"), asyncpg.PostgresError("x")):
        try:
            async with dialled(facet_on(server, name)):
                if failing is not None:
                    raise failing
        except BackupError:
            assert failing is not None
    sessions = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    await until(lambda: server.sql(sessions) == "0", "nobody is in it")


def test_a_moment_is_said_in_rows_and_tables() -> None:
    assert moment_of({"a": 1200, "b": 34}) == "1,234 rows in 2 tables"
