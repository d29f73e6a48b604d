from __future__ import annotations

from pathlib import Path

import pytest

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop, everything
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
