from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from receiver.backups.base import BackupError
from receiver.backups.files import alone
from receiver.backups.making import back_up
from receiver.backups.manifest import Manifest
from receiver.backups.proving import prove
from receiver.backups.restoring import Plan, counted_again, plan, restore
from receiver.backups.scratch import restoring_alone
from receiver.decide.backups import Kind
from receiver.stores.postgres_store import PostgresFacet
from tests.receiver.backups.shops import a_ground, a_shop, everything, names_in
from tests.servers.postgres import USER, PostgresServer

pytestmark = pytest.mark.server


async def test_a_destroyed_database_comes_back_row_by_row(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server)
    server.sql(
        f"ALTER DATABASE {name} SET work_mem = '7MB'; GRANT CONNECT ON DATABASE {name} TO pg_monitor"
    )
    ground, before = a_ground(server, name, tmp_path), everything(server, name)
    await back_up(ground, Kind.DATABASE)
    server.sql(f"DROP DATABASE {name}")
    done = await restore(ground, await plan(ground, None, None, replace=False))
    assert everything(server, name) == before
    assert server.sql("SHOW work_mem", name) == "7MB"
    about = (
        f"SELECT datdba::regrole || ' ' || datacl::text FROM pg_database WHERE datname = '{name}'"
    )
    assert server.sql(about).startswith(f"{USER} ")
    assert "pg_monitor=c" in server.sql(about)
    assert "restart what uses the database" in done.after[0]


async def test_a_database_with_something_in_it_is_left_alone(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 10)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    server.sql("DELETE FROM orders", name)
    planned = await plan(ground, None, None, replace=False)
    assert "is not empty" in planned.refusal
    with pytest.raises(BackupError, match="--replace"):
        await restore(ground, planned)
    assert server.sql("SELECT count(*) FROM orders", name) == "0"


async def test_with_replace_the_old_one_is_kept_beside(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 10)
    ground, before = a_ground(server, name, tmp_path), everything(server, name)
    await back_up(ground, Kind.DATABASE)
    server.sql("DELETE FROM orders", name)
    done = await restore(ground, await plan(ground, None, None, replace=True))
    assert everything(server, name) == before
    kept = server.sql(f"SELECT datname FROM pg_database WHERE datname ~ '^{name}_before_'")
    assert kept
    assert kept in done.after[-1]
    assert server.sql("SELECT count(*) FROM orders", kept) == "0"


async def test_it_goes_to_another_database(server: PostgresServer, tmp_path: Path) -> None:
    name = a_shop(server, 10)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, server.url(f"{name}_copy"), replace=False)
    assert planned.objects is None
    await restore(ground, planned)
    assert everything(server, f"{name}_copy") == everything(server, name)


ROLES = """
    CREATE ROLE seller LOGIN; CREATE ROLE keeper LOGIN CREATEDB PASSWORD 'k33per';
    GRANT pg_read_all_data, seller TO keeper
"""
SOLD = "CREATE TABLE sold (x int); INSERT INTO sold VALUES (1); ALTER TABLE sold OWNER TO seller"


def a_keepers(server: PostgresServer) -> str:
    """A database of the application's role, and one beside it that only keeps backups; its name."""
    server.sql(ROLES)
    name = server.database()
    server.sql(f"ALTER DATABASE {name} OWNER TO seller")
    server.sql(SOLD, name)
    return name


async def test_a_role_that_is_no_superuser_gives_everything_back_to_its_owner(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_keepers(server)
    url = f"postgresql://keeper:k33per@127.0.0.1:{server.port}/{name}"
    ground = replace(
        a_ground(server, name, tmp_path), postgres=PostgresFacet.model_validate({"url": url})
    )
    await back_up(ground, Kind.DATABASE)
    await prove(ground)
    server.sql("DELETE FROM sold", name)
    await restore(ground, await plan(ground, None, None, replace=True))
    assert server.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'sold'", name) == "seller"
    assert server.sql("SELECT x FROM sold", name) == "1"


async def test_a_role_that_is_missing_is_named_with_the_way_around(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 2)
    server.sql("CREATE ROLE gone; ALTER TABLE orders OWNER TO gone", name)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    server.sql(f"DROP DATABASE {name}")
    server.sql("DROP ROLE gone")
    with pytest.raises(BackupError, match=r'role "gone" does not exist.*--no-owner'):
        await restore(ground, await plan(ground, None, None, replace=False))
    await restore(ground, await plan(ground, None, None, replace=False, owners=False))
    assert server.sql("SELECT count(*) FROM orders", name) == "2"


async def test_a_database_with_nothing_but_a_type_is_not_empty(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, other = a_shop(server, 10), server.database()
    server.sql("CREATE TYPE mood AS ENUM ('fine')", other)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, server.url(other), replace=False)
    assert "is not empty (1 objects)" in planned.refusal


async def test_what_is_written_right_after_the_exchange_is_told_and_no_failure(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 10)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, None, replace=True)
    assert await counted_again(planned) == ()
    server.sql("INSERT INTO orders (customer) VALUES (1)", name)
    (told,) = await counted_again(planned)
    assert "public.orders: 11 instead of 10" in told


@pytest.mark.parametrize("own", ["postgres", "template1"])
async def test_a_database_of_the_servers_own_is_refused_in_the_plan(
    server: PostgresServer, tmp_path: Path, own: str
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    await back_up(ground, Kind.DATABASE)
    for replaced in (False, True):
        planned = await plan(ground, None, server.url(own), replace=replaced)
        assert "is the server's own" in planned.refusal
        with pytest.raises(BackupError, match="name another database") as told:
            await restore(ground, planned)
        assert not told.value.started


async def test_only_one_restores_a_database_from_whatever_machine(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 1)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, None, replace=True)
    async with restoring_alone(ground.database, name):
        with pytest.raises(BackupError, match=f"another restore of {name} is under way") as told:
            await restore(ground, planned)
        assert not told.value.started
    await restore(ground, planned)


async def test_what_is_only_called_alike_is_nobodys_leftover(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 1)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    others = [f"{name}_restoring", f"{name}_restoring_0123456789ab", f"{name}_restoring_notes"]
    for one in (*others, f"{name}_restoring_0123abcd"):
        server.sql(f"CREATE DATABASE {one}")
    planned = await plan(ground, None, None, replace=True)
    assert planned.left == (f"{name}_restoring_0123abcd",)
    await restore(ground, planned)
    left = server.sql(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{name}_rest')")
    assert sorted(left.split()) == others


@pytest.mark.parametrize("url", ["mysql://u:CANARY@h/d", "no url", "postgresql://u:CANARY@[::1/x"])
async def test_an_address_that_is_none_is_said_without_its_password(
    server: PostgresServer, tmp_path: Path, url: str
) -> None:
    name = a_shop(server, 1)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    with pytest.raises(BackupError, match="--to must be postgresql://") as told:
        await plan(ground, None, url, replace=False)
    assert "CANARY" not in str(told.value)


async def test_an_empty_database_is_taken_without_a_word_and_nothing_is_kept_of_it(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, empty = a_shop(server, 10), server.database()
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, server.url(empty), replace=False)
    assert (planned.objects, planned.refusal) == (0, "")
    done = await restore(ground, planned)
    assert everything(server, empty) == everything(server, name)
    assert "kept as" not in " ".join(done.after)
    like = f"SELECT datname FROM pg_database WHERE starts_with(datname, '{empty}')"
    assert server.sql(like) == empty


async def test_what_is_no_dump_is_not_restored_and_it_is_said_where_to_read(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path, tables=["orders"])
    made = await back_up(ground, Kind.EXPORT)
    with pytest.raises(
        BackupError, match=r"docs/disaster\.md says how to use one of export"
    ) as told:
        await plan(ground, made.name, None, replace=True)
    assert not told.value.started


async def test_a_file_may_be_named_with_its_folder_and_an_unknown_one_names_those_there_are(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, f"/somewhere/else/{made.name}", None, replace=True)
    assert planned.path == tmp_path / made.name
    for unknown in ("db-database-20200101T000000Z.dump", "../../etc/passwd", f"{made.name}.sha256"):
        with pytest.raises(BackupError, match=f"the last ones: {made.name}"):
            await plan(ground, unknown, None, replace=True)


async def test_looking_changes_nothing(server: PostgresServer, tmp_path: Path) -> None:
    name = a_shop(server, 3)
    ground, before = a_ground(server, name, tmp_path), everything(server, name)
    await back_up(ground, Kind.DATABASE)
    databases = server.sql("SELECT string_agg(datname, ' ' ORDER BY 1) FROM pg_database")
    files = names_in(tmp_path)
    for replaced in (False, True):
        await plan(ground, None, server.url(f"{name}_new"), replace=replaced)
    assert server.sql("SELECT string_agg(datname, ' ' ORDER BY 1) FROM pg_database") == databases
    assert (everything(server, name), names_in(tmp_path)) == (before, files)


def a_plan(objects: int | None, **keys: Any) -> Plan:
    manifest = Manifest("db", Kind.DATABASE, "2026-05-28T20:26:40Z", {"public.orders": 1200})
    place = PostgresFacet.model_validate({"url": "postgresql://u:c4nary@h/shop"})
    known = {"size": 5_000_000, "sessions": 3, "replace": False, **keys}
    return Plan(Path("/b/x.dump"), manifest, place=place, objects=objects, **known)


@pytest.mark.parametrize(
    ("objects", "there", "swap"),
    [
        (None, "shop is not there", "the new database is named shop"),
        (0, "shop is there and empty", "the empty shop is dropped"),
        (1234, "shop holds 1,234 objects, 3 sessions use it", "it is kept as shop_before_…"),
    ],
)
def test_a_plan_says_what_is_there_and_what_becomes_of_it(
    objects: int | None, there: str, swap: str
) -> None:
    steps = a_plan(objects, replace=True).steps
    assert steps[0] == "x.dump, made at 2026-05-28T20:26:40Z: 1,200 rows in 1 tables, 5.0 MB"
    assert there in steps[1]
    assert swap in steps[-1]
    assert "c4nary" not in " ".join(steps)


@pytest.mark.parametrize(
    ("objects", "replaced", "refused"),
    [(None, False, False), (0, False, False), (1, False, True), (1, True, False)],
)
def test_only_what_holds_something_is_refused_and_only_without_a_word(
    objects: int | None, replaced: bool, refused: bool
) -> None:
    assert bool(a_plan(objects, replace=replaced).refusal) is refused


async def test_a_manifest_that_is_lost_stops_it_before_anything_is_made(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    (tmp_path / f"{made.name}.manifest.json").unlink()
    with pytest.raises(BackupError, match="nobody knows what was in"):
        await plan(ground, None, None, replace=True)


async def test_a_file_that_is_spoiled_between_the_plan_and_the_restore_is_not_restored(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 3)
    ground, before = a_ground(server, name, tmp_path), everything(server, name)
    made = await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, None, replace=True)
    path = tmp_path / made.name
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(BackupError, match="is not what was written"):
        await restore(ground, planned)
    assert everything(server, name) == before


async def test_while_a_backup_is_made_nothing_is_restored_from_there(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    await back_up(ground, Kind.DATABASE)
    planned = await plan(ground, None, None, replace=True)
    with (
        alone(tmp_path, "db"),
        pytest.raises(BackupError, match="another backup, drill or restore of db") as told,
    ):
        await restore(ground, planned)
    assert not told.value.started


async def test_how_far_it_is_is_told_step_by_step(server: PostgresServer, tmp_path: Path) -> None:
    said: list[str] = []
    name = a_shop(server, 1)
    ground = a_ground(server, name, tmp_path, said=said)
    await back_up(ground, Kind.DATABASE)
    said.clear()
    await restore(ground, await plan(ground, None, None, replace=True))
    steps = ["checking its sum", "restoring into", "counting every table", "exchanging the names"]
    assert [step for line in said for step in steps if line.startswith(step)] == steps
