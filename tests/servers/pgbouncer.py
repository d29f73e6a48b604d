"""A real pgbouncer on a free port: `async with pgbouncer(postgres) as pool: pool.url`.

It refuses to run as root, so that it runs as Debian's `postgres` then.
"""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.postgres import as_somebody
from tests.servers.process import running, start

USER, PASSWORD = "stats", "p@ss:w/rd%"
ENCODED = "p%40ss%3Aw%2Frd%25"


@dataclass(frozen=True, slots=True)
class PgBouncer:
    port: int
    folder: Path
    pid: int

    @property
    def url(self) -> str:
        """Of its console."""
        return f"postgresql://{USER}:{ENCODED}@127.0.0.1:{self.port}/pgbouncer"

    def hang(self) -> None:
        """It keeps its sockets open and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def binary() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "there is no pgbouncer: apt-get install pgbouncer"
    return found


def _config(folder: Path, port: int, databases: str, options: dict[str, str]) -> str:
    settings = {
        "listen_addr": "127.0.0.1",
        "listen_port": str(port),
        "unix_socket_dir": str(folder),
        "auth_type": "scram-sha-256",
        "auth_file": str(folder / "users"),
        "stats_users": USER,
        **options,
    }
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    return f"[databases]\n{databases}\n[pgbouncer]\n{lines}\n"


def _given_to_postgres(folder: Path) -> None:
    if os.geteuid() == 0:
        for file in (folder, *folder.iterdir()):
            shutil.chown(file, "postgres", "postgres")


@asynccontextmanager
async def pgbouncer(
    databases: str = "shop = host=127.0.0.1 port=1",
    users: tuple[str, ...] = (),
    tls: tuple[Path, Path] | None = None,
    **options: str,
) -> AsyncIterator[PgBouncer]:
    """`databases` are lines of that section, `users` more lines of the file of passwords, `tls` certificate and key."""
    port, folder = free_port(), Path(tempfile.mkdtemp(prefix="pgbouncer-"))
    for name, file in zip(("cert", "key"), tls or (), strict=False):
        shutil.copy(file, folder / name)
        options[f"client_tls_{name}_file"] = str(folder / name)
        options["client_tls_sslmode"] = "allow"
    (folder / "users").write_text("\n".join((f'"{USER}" "{PASSWORD}"', *users)))
    (folder / "pgbouncer.ini").write_text(_config(folder, port, databases, options))
    _given_to_postgres(folder)
    process = start("pgbouncer", as_somebody([binary(), str(folder / "pgbouncer.ini")]), folder)
    try:
        async with running(process, lambda: "process up" in process.output()):
            try:
                yield PgBouncer(port, folder, process.pid)
            finally:
                process.kill()  # a stopped one would not hear TERM
    finally:
        shutil.rmtree(folder, ignore_errors=True)
