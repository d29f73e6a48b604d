from __future__ import annotations

from pathlib import Path

import pytest

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.manifest import Manifest, read_manifest, write_manifest
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.backups.scratch import drill_prefix
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.server


def databases(server: PostgresServer) -> set[str]:
    return set(server.sql("SELECT string_agg(datname, ' ') FROM pg_database").split())


async def test_a_drill_restores_counts_and_leaves_no_scratch(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    before = databases(server)
    proof = await prove(ground)
    assert (proof.name, proof.rows) == (made.name, made.manifest.rows)
    assert databases(server) == before
    assert (tmp_path / f"{made.name}.verified").is_file()
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verified_file) == (True, made.name)


async def test_a_row_that_is_missing_is_found(server: PostgresServer, tmp_path: Path) -> None:
    ground = a_ground(server, a_shop(server, 10), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    said = read_manifest(tmp_path / made.name)
    more = Manifest(
        said.target, said.kind, said.at, {**said.tables, "public.orders": 11}, said.others
    )
    write_manifest(tmp_path / made.name, more)
    before = databases(server)
    with pytest.raises(BackupError, match=r"public\.orders: 10 instead of 11"):
        await prove(ground)
    assert databases(server) == before
    assert not (tmp_path / f"{made.name}.verified").exists()
    assert not read_record(tmp_path, "db")["database"].verify_ok


async def test_what_a_killed_drill_left_is_taken_away(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 10), tmp_path)
    await back_up(ground, Kind.DATABASE)
    server.sql(f"CREATE DATABASE {drill_prefix('db')}left")
    await prove(ground)
    assert f"{drill_prefix('db')}left" not in databases(server)
