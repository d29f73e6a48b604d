from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.manifest import read_manifest
from receiver.backups.record import read_record
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import TABLES, a_ground, a_shop, instead, names_in
from tests.servers.postgres import PASSWORD, PostgresServer, binary

pytestmark = pytest.mark.server


async def test_it_is_a_file_that_stock_pg_restore_and_sha256sum_read(
    server: PostgresServer, tmp_path: Path
) -> None:
    made = await back_up(a_ground(server, a_shop(server), tmp_path), Kind.DATABASE)
    assert names_in(tmp_path) == [made.name, f"{made.name}.manifest.json", f"{made.name}.sha256"]
    argv = [str(binary("pg_restore")), "--list", str(tmp_path / made.name)]
    assert (
        b"TABLE DATA public orders" in subprocess.run(argv, capture_output=True, check=True).stdout
    )
    subprocess.run(["sha256sum", "-c", f"{made.name}.sha256"], cwd=tmp_path, check=True)
    assert (tmp_path / made.name).stat().st_mode & 0o777 == 0o600


async def test_its_manifest_counts_every_table_and_large_object(
    server: PostgresServer, tmp_path: Path
) -> None:
    made = await back_up(a_ground(server, a_shop(server, 100), tmp_path), Kind.DATABASE)
    manifest = read_manifest(tmp_path / made.name)
    assert len(manifest.tables) == TABLES
    assert manifest.tables["public.orders"] == 100
    assert manifest.others["large objects"] == 5
    assert manifest.database["encoding"] == "UTF8"


async def test_with_jobs_it_is_a_directory(server: PostgresServer, tmp_path: Path) -> None:
    made = await back_up(a_ground(server, a_shop(server), tmp_path, jobs=2), Kind.DATABASE)
    assert (tmp_path / made.name / "toc.dat").is_file()
    subprocess.run(["sha256sum", "-c", f"{made.name}.sha256"], cwd=tmp_path, check=True)


async def test_what_became_of_it_is_in_the_record(server: PostgresServer, tmp_path: Path) -> None:
    made = await back_up(a_ground(server, a_shop(server), tmp_path), Kind.DATABASE)
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.ok, runs.file, runs.size) == (True, made.name, made.size)
    assert runs.success == runs.attempt > 0


async def test_a_database_that_is_not_there_leaves_nothing_and_says_so(
    server: PostgresServer, tmp_path: Path
) -> None:
    with pytest.raises(BackupError, match="does not exist") as caught:
        await back_up(a_ground(server, "nowhere", tmp_path), Kind.DATABASE)
    assert PASSWORD not in str(caught.value)
    assert names_in(tmp_path) == []
    runs = read_record(tmp_path, "db")["database"]
    assert (runs.ok, runs.success) == (False, 0.0)
    assert "does not exist" in runs.reason


async def test_a_dump_that_lacks_the_rows_of_a_table_is_none(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 5), tmp_path)
    lists = f"{binary('pg_restore')} \"$@\" | grep -v 'TABLE DATA public \\(orders\\|customers\\) '"
    short = instead(ground, "pg_restore", tmp_path / ".lists", lists)
    with pytest.raises(BackupError, match=r"the dump lacks the rows of public\.\w+, public\.\w+$"):
        await back_up(short, Kind.DATABASE)
    assert names_in(tmp_path) == []


async def test_a_dump_that_pg_restore_cannot_read_is_none(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = a_ground(server, a_shop(server, 1), tmp_path)
    writes = 'for word; do case $word in --file=*) echo no dump >"${word#--file=}";; esac; done'
    broken = instead(ground, "pg_dump", tmp_path / ".writes", writes)
    with pytest.raises(BackupError, match="does not appear to be a valid archive"):
        await back_up(broken, Kind.DATABASE)
    assert names_in(tmp_path) == []


async def test_a_dump_of_no_bytes_is_none_whatever_the_programs_say(
    server: PostgresServer, tmp_path: Path
) -> None:
    ground = instead(a_ground(server, server.database(), tmp_path), "pg_dump", tmp_path / ".d", ":")
    (tmp_path / ".r").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / ".r").chmod(0o755)
    programs = {**ground.tools.executables, "pg_restore": str(tmp_path / ".r")}
    silent = replace(ground, tools=replace(ground.tools, executables=programs))
    with pytest.raises(BackupError, match=r"\.dump would be empty"):
        await back_up(silent, Kind.DATABASE)
    assert names_in(tmp_path) == []


async def test_an_older_client_is_said_with_what_to_install(
    server: PostgresServer, tmp_path: Path
) -> None:
    said = "pg_dump: error: aborting because of server version mismatch"
    ground = a_ground(server, server.database(), tmp_path)
    old = instead(ground, "pg_dump", tmp_path / ".old", f"echo '{said}' >&2; exit 1")
    with pytest.raises(BackupError, match="install the PostgreSQL client of the server's version"):
        await back_up(old, Kind.DATABASE)


async def test_what_is_in_no_table_comes_back_as_well(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = server.database()
    server.sql(
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT 2 * $1';"
        " CREATE SEQUENCE numbers START 41; SELECT nextval('numbers');"
        " CREATE TYPE mood AS ENUM ('fine'); CREATE VIEW one AS SELECT twice(1) AS x",
        name,
    )
    ground = a_ground(server, name, tmp_path)
    made = await back_up(ground, Kind.DATABASE)
    assert (made.manifest.rows, made.manifest.others["objects"] > 3) == (0, True)
    server.sql(f"DROP DATABASE {name}")
    await restore(ground, await plan(ground, None, None, replace=False))
    assert server.sql("SELECT nextval('numbers') || ' ' || x FROM one", name) == "42 2"
