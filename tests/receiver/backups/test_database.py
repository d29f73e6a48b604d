from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from receiver.backups.base import BackupError
from receiver.backups.making import back_up
from receiver.backups.manifest import read_manifest
from receiver.backups.record import read_record
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import TABLES, a_ground, a_shop, names_in
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
