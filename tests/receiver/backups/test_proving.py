from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.making import back_up
from receiver.backups.manifest import Manifest, read_manifest, write_manifest
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.backups.scratch import drill_prefix
from receiver.backups.showing import look
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, a_shop, instead, names_in
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


async def spoiled(ground: Ground, name: str) -> None:
    """A byte of it is another one."""
    path = ground.facet.directory / name
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(Disproved, match="is not what was written"):
        await prove(ground, name)


async def test_one_that_is_found_spoiled_loses_its_stamp_and_the_one_before_is_the_last_proven(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    older, newer = [await back_up(ground, Kind.DATABASE) for _ in range(2)]
    for made in (older, newer):
        await prove(ground, made.name)
    await spoiled(ground, newer.name)
    assert names_in(tmp_path).count(f"{newer.name}.verified") == 0
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verified_file) == (False, older.name)
    assert newer.name in runs.verify_reason
    stamp = tmp_path / f"{older.name}.verified"
    assert runs.verified == pytest.approx(stamp.stat().st_mtime)


async def test_when_the_only_proven_one_is_spoiled_none_is_proven(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    await spoiled(ground, made.name)
    assert (shown := look("db", ground.facet, ground.postgres).runs[Kind.DATABASE]).verified == 0.0
    assert (shown.verify_ok, shown.verified_file) == (False, "")
    assert shown.verify_attempt > 0


async def test_a_drill_that_could_not_be_held_says_nothing_against_the_backup(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    nowhere = ground.facet.model_copy(update={"drill_url": SecretStr("postgresql://127.0.0.1:1/x")})
    with pytest.raises(BackupError, match="cannot be reached") as told:
        await prove(replace(ground, facet=nowhere))
    assert not isinstance(told.value, Disproved)
    assert f"{made.name}.verified" in names_in(tmp_path)
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verified_file) == (False, made.name)


async def test_a_restore_that_pg_restore_gives_up_takes_the_stamp_back(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    text = 'echo "pg_restore: error: could not read from input file: end of file" >&2; exit 1'
    with pytest.raises(Disproved, match="end of file"):
        await prove(instead(ground, "pg_restore", tmp_path / ".gives-up", text))
    assert f"{made.name}.verified" not in names_in(tmp_path)


@pytest.mark.parametrize(
    "said",
    [
        'extension "x" is not available',
        "server closed the connection unexpectedly",
        'connection to server at "h", port 5432 failed: Connection refused',
        "could not write: No space left on device",
    ],
)
async def test_what_is_cured_on_the_server_leaves_the_stamp(
    server: PostgresServer, tmp_path: Path, said: str
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    text = f"echo 'pg_restore: error: {said}' >&2; exit 1"
    with pytest.raises(BackupError) as told:
        await prove(instead(ground, "pg_restore", tmp_path / ".complains", text))
    assert not isinstance(told.value, Disproved)
    assert f"{made.name}.verified" in names_in(tmp_path)


async def test_a_drill_without_any_backup_has_failed_and_a_name_that_is_mistyped_has_not(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, "nothing", tmp_path)
    with pytest.raises(BackupError, match="there is no backup db-database-x"):
        await prove(ground, "db-database-x")
    assert read_record(tmp_path, "db") == {}
    with pytest.raises(BackupError, match="there is no backup of the database"):
        await prove(ground)
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verify_attempt > 0) == (False, True)


async def test_the_next_drill_that_succeeds_ends_the_trouble(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    await spoiled(ground, made.name)
    again = await back_up(ground, Kind.DATABASE)
    await prove(ground)
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.verify_ok, runs.verify_reason, runs.verified_file) == (True, "", again.name)


async def test_what_a_killed_drill_left_is_taken_away(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 10), tmp_path)
    await back_up(ground, Kind.DATABASE)
    server.sql(f"CREATE DATABASE {drill_prefix('db')}left")
    await prove(ground)
    assert f"{drill_prefix('db')}left" not in databases(server)
