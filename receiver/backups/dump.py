"""pg_dump and pg_restore: started, watched, and believed only when nothing speaks against it.

They write and read the file themselves, so that nothing of ours is in the way of the rows; how far they are is seen
from how much there is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

from receiver.backups.base import BackupError, Disproved, Ground
from receiver.backups.files import make_private, remove, size_of
from receiver.backups.libpq import Login
from receiver.tools import Finished, OutsideError

T = TypeVar("T")
LOOK = 1.0  # seconds between two looks at how much there is
MOST_LISTED = 256 << 20
_BAD = re.compile(r"^(?:pg_dump|pg_restore): (?:error|fatal|detail|hint):? .*$", re.MULTILINE)
_LONGEST = 600
CURES = (  # of which program, what it says, and what to do
    ("pg_", "No space left", "make room, or let less be kept (`keep`, `keep_last`)"),
    ("pg_", "File too large", "the limit of the file system or of the receiver's user is too low"),
    ("pg_", "closed the connection", "the server died, or ended the session: look at its log"),
    ("pg_", "connection to server", "the server cannot be reached any more: look at its log"),
    ("pg_dump", "server version mismatch", "install the PostgreSQL client of the server's version, or name it under `executables`"),
    ("pg_dump", "permission denied", "the role in postgres.url must read everything: GRANT pg_read_all_data TO it"),
    ("pg_dump", "row-level security", "the role in postgres.url needs BYPASSRLS to read every row"),
    ("pg_restore", "permission denied to create extension", "a superuser must restore this: `drill_url`, or --to"),
    ("pg_restore", "must be owner of extension", "a superuser must restore this: `drill_url`, or --to"),
    ("pg_restore", "is not available", "install the extension on the server that is restored to"),
    ("pg_restore", "must be able to SET ROLE", "the role in the URL must be a member of every owner, or say --no-owner"),
    ("pg_restore", "must be member of role", "the role in the URL must be a member of every owner, or say --no-owner"),
    ("pg_restore", "permission denied", "a superuser must restore this (--to), or say --no-owner"),
    ("pg_restore", "does not exist", "make the role that is missing, or say --no-owner"),
)  # fmt: skip


async def dump(ground: Ground, login: Login, snapshot: str, path: Path) -> None:
    """The database in its `.partial` place. Raises BackupError; what is there then is nothing."""
    jobs = ground.facet.jobs
    form = ["--format=directory", f"--jobs={jobs}"] if jobs > 1 else ["--format=custom"]
    argv = ["pg_dump", *form, "--no-password", f"--snapshot={snapshot}"]
    if jobs == 1:
        await asyncio.to_thread(make_private, path)
    else:
        await asyncio.to_thread(remove, path)
    async with told(ground, path):
        await run_tool(ground, login, [*argv, f"--file={path}", f"--dbname={login.address}"])


async def listing(ground: Ground, path: Path) -> str:
    """What pg_restore says is in it. Raises BackupError."""
    argv = ["pg_restore", "--list", str(path)]
    ended = await run_tool(ground, Login(""), argv, max_output=MOST_LISTED)
    return ended.output


async def run_tool(
    ground: Ground, login: Login, argv: Sequence[str], *, max_output: int = 64 << 10
) -> Finished:
    """One of PostgreSQL's programs to its end: exit code 0, and no word of an error. Raises BackupError."""
    name = argv[0]
    try:
        ended = await ground.tools.programs.run(
            [ground.program(name), *argv[1:]],
            timeout=ground.timeout,
            env=login.environment,
            max_output=max_output,
        )
    except OutsideError as error:
        raise BackupError(
            f"{error}: install the PostgreSQL client (Debian: postgresql-client), or say where it is under `executables`",
            started=error.sent,
        ) from error
    said = " ".join(line.strip() for line in _BAD.findall(ended.output))
    if ended.exit_code == 0 and not said:
        return ended
    if ended.exit_code is None:
        raise BackupError(f"{name} was ended after {ground.timeout:g} s: give it more time")
    raise _failed(ground, name, ended, said or ended.output)


def _failed(ground: Ground, name: str, ended: Finished, said: str) -> BackupError:
    """What is cured on the server says nothing against the file that was read."""
    cures = (cure for of, sign, cure in CURES if name.startswith(of) and sign in ended.output)
    cure = next((f": {cure}" for cure in cures), "")
    kind = Disproved if name == "pg_restore" and not cure else BackupError
    how = f"ended with {ended.exit_code}"
    if ended.exit_code is not None and ended.exit_code < 0:
        how = f"was killed by signal {-ended.exit_code}"
    words = " ".join(said.split())[-_LONGEST:]
    text = f"{name} {how}: {words}{cure}" if words else f"{name} {how}{cure}"
    return kind(ground.postgres.without_secrets(text) if ground.postgres is not None else text)


@asynccontextmanager
async def told(ground: Ground, path: Path) -> AsyncIterator[None]:
    """Says how much of the file there is, for as long as the block lasts."""

    async def tell() -> None:
        while True:
            await ground.tools.clock.sleep(LOOK)
            size = await asyncio.to_thread(size_of, path)
            await ground.tools.progress(f"{size / 1e6:,.1f} MB written")

    async with beside(tell):
        yield


@asynccontextmanager
async def beside(work: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Does it for as long as the block lasts; when it fails, so does the block."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        ended = task.done()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task if ended else await asyncio.gather(task, return_exceptions=True)


async def together(first: Awaitable[T], second: Awaitable[object]) -> T:
    """Both; when one fails the other is ended, and its error is the one that is raised."""
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
        return tasks[0].result()  # type: ignore[return-value] # the first is the one of type T
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
