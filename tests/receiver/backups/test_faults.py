"""Whatever goes wrong leaves a valid backup or none, words that say what to do, and everything before it untouched."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from receiver.backups.base import BackupError, Ground
from receiver.backups.local import listed
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.backups.record import read_record
from receiver.backups.restoring import plan, restore
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import (
    a_ground,
    a_shop,
    allow_backups,
    everything,
    executables,
    instead,
    names_in,
)
from tests.servers.postgres import PASSWORD, PostgresServer, binary, postgres_server
from tests.servers.process import until

pytestmark = pytest.mark.server


async def fails(ground: Ground, why: str) -> str:
    """It does, and what was there is there, and valid."""
    directory = ground.facet.directory
    before, known = names_in(directory), read_record(directory, "db")["database"]
    with pytest.raises(BackupError, match=why) as caught:
        await back_up(ground, Kind.DATABASE)
    assert names_in(directory) == before
    after = read_record(directory, "db")["database"]
    assert (after.ok, after.success, after.reason) == (False, known.success, str(caught.value))
    await prove(ground, known.file)
    return str(caught.value)


async def test_a_dump_that_is_killed_leaves_none(server: PostgresServer, tmp_path: Path) -> None:
    ground = a_ground(server, a_shop(server, 2000), tmp_path)
    await back_up(ground, Kind.DATABASE)
    text = f'{binary("pg_dump")} "$@" & sleep 0.1; kill -9 $!; wait $!; kill -9 $$'
    assert "signal 9" in await fails(
        instead(ground, "pg_dump", tmp_path / ".kills", text), "pg_dump was killed"
    )


@contextmanager
def small_limit(server: PostgresServer, folder: Path) -> Iterator[Ground]:
    """pg_dump may write 50 kB."""
    text = f'ulimit -f 100; trap "" XFSZ; exec {binary("pg_dump")} "$@"'
    yield instead(a_ground(server, a_shop(server, 3000), folder), "pg_dump", folder / ".less", text)


@contextmanager
def small_disk(server: PostgresServer, folder: Path) -> Iterator[Ground]:
    """A file system on which there is room for one."""
    disk = folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(disk)], check=True)
    try:
        yield a_ground(server, a_shop(server, 3000), disk)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(directory: Path) -> None:
    """Until 64 kB are left; a disk of the machine's own is none that a test fills."""
    left = os.statvfs(directory)
    if (free := left.f_bavail * left.f_frsize) < 4 << 20:
        (directory / ".ballast").write_bytes(b"x" * (free - (64 << 10)))


FULL = {"limit": (small_limit, "File too large: the limit of")}
if os.geteuid() == 0:  # only root may mount
    FULL["disk"] = (small_disk, "No space left on device: make room")


@pytest.mark.parametrize("full", FULL)
async def test_without_room_there_is_none_and_it_is_said_what_to_do(
    server: PostgresServer, tmp_path: Path, full: str
) -> None:
    place, why = FULL[full]
    with place(server, tmp_path) as ground:
        roomy = replace(ground, tools=replace(ground.tools, executables=executables()))
        await back_up(roomy, Kind.DATABASE)
        fill(ground.facet.directory)
        await fails(ground, why)


async def test_a_server_that_dies_meanwhile_leaves_none(tmp_path: Path) -> None:
    with postgres_server() as own:
        allow_backups(own)
        ground = a_ground(own, a_shop(own, 2000), tmp_path)
        await back_up(ground, Kind.DATABASE)
        before = names_in(tmp_path)
        own.kill()
        with pytest.raises(BackupError, match="cannot be reached"):
            await back_up(ground, Kind.DATABASE)
        assert names_in(tmp_path) == before


async def test_a_run_that_is_broken_off_leaves_none(server: PostgresServer, tmp_path: Path) -> None:
    ground = instead(
        a_ground(server, a_shop(server, 10), tmp_path),
        "pg_dump",
        tmp_path / ".hangs",
        "exec sleep 600",
    )
    work = asyncio.ensure_future(back_up(ground, Kind.DATABASE))
    await until(lambda: any(name.endswith(".partial") for name in names_in(tmp_path)), "it began")
    work.cancel()
    with suppress(asyncio.CancelledError):
        await work
    assert names_in(tmp_path) == []
    assert read_record(tmp_path, "db")["database"].reason == "it was broken off"


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is not what was written"),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "is not what was written"),
        (lambda path: path.write_bytes(b""), "is not what was written"),
        (lambda path: path.with_name(path.name + ".sha256").unlink(), "who wrote this file"),
        (lambda path: path.with_name(path.name + ".manifest.json").write_text("{"), "nobody knows"),
    ],
    ids=["cut off", "changed", "empty", "without its sum", "without its manifest"],
)
async def test_a_spoiled_file_is_found_out_before_anything_is_touched(
    server: PostgresServer, tmp_path: Path, spoil: object, why: str
) -> None:
    name = a_shop(server, 10)
    ground = a_ground(server, name, tmp_path)
    made, before = await back_up(ground, Kind.DATABASE), everything(server, name)
    assert callable(spoil)
    spoil(tmp_path / made.name)
    with pytest.raises(BackupError, match=why):
        await prove(ground)
    with pytest.raises(BackupError, match=why):
        await restore(ground, await plan(ground, None, None, replace=True))
    assert everything(server, name) == before
    assert not read_record(tmp_path, "db")["database"].verify_ok


async def test_a_restore_that_fails_half_way_leaves_everything_as_it_was(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 10)
    ground = a_ground(server, name, tmp_path)
    await back_up(ground, Kind.DATABASE)
    before = everything(server, name)
    databases = server.sql("SELECT string_agg(datname, ' ' ORDER BY 1) FROM pg_database")
    text = f'{binary("pg_restore")} "$@"; echo "pg_restore: error: out of luck" >&2; exit 1'
    broken = instead(ground, "pg_restore", tmp_path / ".breaks", text)
    with pytest.raises(BackupError, match="out of luck"):
        await restore(broken, await plan(broken, None, None, replace=True))
    assert everything(server, name) == before
    assert server.sql("SELECT string_agg(datname, ' ' ORDER BY 1) FROM pg_database") == databases


async def test_the_password_is_in_no_argument_no_environment_and_no_file_that_stays(
    server: PostgresServer, tmp_path: Path
) -> None:
    seen = tmp_path / ".seen"
    text = f'tr "\\0" "\\n" </proc/$$/environ >{seen}; echo "$@" >>{seen}; stat -c %a "$PGPASSFILE" >>{seen}; exec {binary("pg_dump")} "$@"'
    ground = a_ground(server, a_shop(server, 10), tmp_path)
    await back_up(instead(ground, "pg_dump", tmp_path / ".looks", text), Kind.DATABASE)
    said = seen.read_text()
    assert PASSWORD not in said
    assert "p%40ss" not in said
    assert "\n600\n" in said
    passfile = next(line for line in said.splitlines() if line.startswith("PGPASSFILE="))
    assert not Path(passfile.partition("=")[2]).parent.exists()


async def test_writers_are_not_held_up_and_the_backup_is_of_one_moment(
    server: PostgresServer, tmp_path: Path
) -> None:
    name = a_shop(server, 2000)
    server.sql("CREATE TABLE ledger (a bigint, b bigint); INSERT INTO ledger VALUES (0, 0)", name)
    ground = a_ground(server, name, tmp_path)
    stop = asyncio.Event()

    async def write() -> int:
        """Rows come and go, and two figures that are always the same."""
        db, turns = await asyncpg.connect(server.url(name)), 0
        while not stop.is_set():
            turns += 1
            await db.execute("INSERT INTO orders (customer, total) VALUES (1, 1)")
            await db.execute("DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)")
            await db.execute("UPDATE ledger SET a = a + 1, b = b + 1")
        await db.close()
        return turns

    writers = [asyncio.ensure_future(write()) for _ in range(3)]
    made = await back_up(ground, Kind.DATABASE)
    stop.set()
    assert min(await asyncio.gather(*writers)) > 0
    assert (await prove(ground)).rows == made.manifest.rows
    await restore(ground, await plan(ground, None, server.url(f"{name}_again"), replace=False))
    assert server.sql("SELECT a = b FROM ledger", f"{name}_again") == "t"
    assert [one.name for one in listed(tmp_path, "db")] == [made.name]
