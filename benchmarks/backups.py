"""A database of a few million rows: backed up by us and by plain pg_dump in turns, exported as JSON lines, restored, and
carried to a bucket while it is made. BENCH_ROWS sets how many rows."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from benchmarks.loop import run
from benchmarks.report import at_least, at_most, say
from receiver.backups.base import Ground
from receiver.backups.making import back_up
from receiver.backups.proving import prove
from receiver.decide.backups import Kind
from tests.receiver.backups.shops import a_ground, allow_backups, executables
from tests.servers.postgres import PASSWORD, PostgresServer, postgres_server
from tests.servers.s3 import s3_server

ROWS = int(os.environ.get("BENCH_ROWS", "2000000"))
ROUNDS = 5
SHOP = f"""
    CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint, total numeric(12,2), made timestamptz, note text);
    INSERT INTO orders SELECT i, i % 9973, i * 1.01, now() - i * interval '1 second', md5(i::text) || md5((i * 7)::text)
      FROM generate_series(1, {ROWS}) AS i;
    CREATE INDEX ON orders (customer);
    SELECT lo_from_bytea(0, decode(repeat('00ff', 50000), 'hex')) FROM generate_series(1, 50);
    VACUUM ANALYZE orders
"""  # noqa: S608 - our own number


def main() -> None:
    """Prints the table."""
    say(f"backups: {ROWS:,} rows, load {os.getloadavg()[0]:.1f}")
    with postgres_server() as server:
        allow_backups(server)
        name = server.database()
        for statement in SHOP.split(";\n"):
            server.sql(statement, name)
        with tempfile.TemporaryDirectory() as folder:
            run(_all(server, name, Path(folder)))


async def _all(server: PostgresServer, name: str, folder: Path) -> None:
    ground = a_ground(server, name, folder, tables=["orders"], keep="0", keep_last=1)
    await _beside_plain(server, name, ground)
    await _export(ground)
    began = time.monotonic()
    proof = await prove(ground)
    say(f"  a drill restored and counted {proof.rows:,} rows in {time.monotonic() - began:.1f} s")
    with s3_server() as s3:
        bucket = s3.bucket(await s3.make(), timeout="60s", part_size="8MiB")
        carried = a_ground(server, name, folder, s3=bucket, keep="0", keep_last=1)
        wall, _ = await _took(lambda: back_up(carried, Kind.DATABASE))
        say(f"  the same, carried to a bucket on this machine: {wall:.1f} s")


async def _beside_plain(server: PostgresServer, name: str, ground: Ground) -> None:
    """In turns, so that what others do to the machine hits both."""
    plain: list[float] = []
    ours: list[float] = []
    cpu: list[float] = []
    for _ in range(ROUNDS):
        plain.append((await _took(lambda: _pg_dump(server, name, ground.facet.directory)))[0])
        wall, own = await _took(lambda: back_up(ground, Kind.DATABASE))
        ours.append(wall)
        cpu.append(own)
    size = max(one.stat().st_size for one in ground.facet.directory.glob("db-database-*.dump"))
    ratio = statistics.median(p / o for p, o in zip(plain, ours, strict=True))
    at_least("database: throughput beside pg_dump -Fc", ratio, 0.9, "x")
    shown = ", ".join(f"{p:.1f}/{o:.1f}" for p, o in zip(plain, ours, strict=True))
    say(f"  {size / 1e6:.0f} MB; seconds plain/ours {shown}; CPU of this process {min(cpu):.1f} s")


async def _export(ground: Ground) -> None:
    async with _watched() as peak:
        wall, _ = await _took(lambda: back_up(ground, Kind.EXPORT))
    at_least("export: rows", ROWS / wall, 50_000, "/s")
    at_most("export: memory over idle", (peak[-1] - peak[0]) / 1e6, 100, "MB")


async def _pg_dump(server: PostgresServer, name: str, folder: Path) -> None:
    """As everybody does it, and on the disk like ours."""
    file = folder / "plain"
    url = f"postgresql://prunella@127.0.0.1:{server.port}/{name}"
    argv = [executables()["pg_dump"], "-Fc", "-f", str(file), "-d", url]
    process = await asyncio.create_subprocess_exec(*argv, env={"PGPASSWORD": PASSWORD})
    assert await process.wait() == 0
    await asyncio.to_thread(subprocess.run, ["sync", str(file)], check=True)
    file.unlink()


async def _took(work: Callable[[], Awaitable[object]]) -> tuple[float, float]:
    """Seconds on the clock, and of our own processor time."""
    began, used = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF)
    await work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return time.monotonic() - began, spent


@asynccontextmanager
async def _watched() -> AsyncIterator[list[int]]:
    """The memory before, and at the end the highest meanwhile."""
    own = psutil.Process()
    seen = [own.memory_info().rss]

    async def watch() -> None:
        while True:
            await asyncio.sleep(0.05)
            seen.append(own.memory_info().rss)

    task = asyncio.ensure_future(watch())
    try:
        yield seen
    finally:
        task.cancel()
        seen.append(max(seen))


if __name__ == "__main__":
    main()
