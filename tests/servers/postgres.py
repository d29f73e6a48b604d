"""A private PostgreSQL on a free port: `with postgres_server() as server: server.url("name")`.

The server refuses to run as root, so that it runs as Debian's `postgres` then.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.servers.family import family_of
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, start

USER = "prunella"
PASSWORD = "p@ss:w/rd%"  # what must be encoded in a URL, and must be found in no message
ENCODED = "p%40ss%3Aw%2Frd%25"


@dataclass
class PostgresServer:
    """One cluster; it can be killed and started again on the same files."""

    folder: Path
    port: int
    fsync: bool
    settings: tuple[str, ...] = ()  # name=value, on top of ours
    _process: ServerProcess | None = field(default=None, repr=False)

    def url(self, database: str) -> str:
        """Where to connect as the receivers do."""
        return f"postgresql://{USER}:{ENCODED}@127.0.0.1:{self.port}/{database}"

    def begin(self) -> None:
        """Starts it (again) and waits until it takes connections."""
        argv = [
            *(str(binary("postgres")), "-D", str(self.folder / "data"), "-p", str(self.port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", f"unix_socket_directories={self.folder}"),
            *("-c", f"fsync={'on' if self.fsync else 'off'}", "-c", "max_connections=60"),
            *("-c", "shared_buffers=32MB", "-c", "log_min_messages=log"),
            # in its own folder, so that one that is killed leaves nothing in /dev/shm
            *("-c", "dynamic_shared_memory_type=mmap"),
            *(word for setting in self.settings for word in ("-c", setting)),
        ]
        self._process = start("postgres", as_somebody(argv), self.folder)
        end = time.monotonic() + 20.0
        while not self._takes_connections():
            assert self._process.running, self._process.tail()
            assert time.monotonic() < end, self._process.tail()
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL to all of its processes."""
        assert self._process is not None
        self._process.kill()

    def end(self) -> None:
        """At once, but by its own hand: a killed one leaves its shared memory to the machine."""
        if self._process is None:
            return
        self.wake()
        self._process.signal(signal.SIGQUIT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.popen.wait(5.0)
        self._process.kill()
        self._free_memory()

    def _free_memory(self) -> None:
        """Of one that was killed: its last pid file names the segment that says it lives."""
        left = self.folder / "data" / "postmaster.pid"
        lines = left.read_text().splitlines() if left.exists() else []
        if len(lines) > 6 and len(lines[6].split()) == 2:
            subprocess.run(["ipcrm", "-m", lines[6].split()[1]], check=False, capture_output=True)

    def hang(self) -> None:
        """It keeps its sockets open and answers nobody."""
        self._signal(signal.SIGSTOP)

    def wake(self) -> None:
        self._signal(signal.SIGCONT)

    def output(self) -> str:
        """Its log."""
        assert self._process is not None
        return self._process.output()

    def sql(self, statement: str, database: str = "postgres") -> str:
        """As the superuser over the local socket."""
        argv = [
            *(str(binary("psql")), "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"),
            *("-h", str(self.folder), "-p", str(self.port), "-U", "postgres", "-d", database),
            *("-c", statement),
        ]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def database(self, template: str = "template0") -> str:
        """A new database, whose name is returned."""
        name = f"t{secrets.token_hex(6)}"
        self.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return name

    def _takes_connections(self) -> bool:
        argv = [str(binary("pg_isready")), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(argv, check=False).returncode == 0

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        for member in family_of(self._process.pid):
            with contextlib.suppress(psutil.NoSuchProcess):
                member.send_signal(number)


def binary(name: str) -> Path:
    """Debian keeps the server's programs off PATH, by version."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda one: one.parts[-3])
    path = found[-1] if found else shutil.which(name)
    assert path is not None, f"there is no {name}: apt-get install postgresql"
    return Path(path)


def as_somebody(argv: list[str]) -> list[str]:
    """As we are, unless we are root; the last setpriv binds its life to ours again, which a new user id ends."""
    if os.geteuid() != 0:
        return argv
    who = ["--reuid=postgres", "--regid=postgres", "--init-groups", "--pdeathsig=KILL"]
    return ["setpriv", *who, "--", *argv]


@contextmanager
def postgres_server(
    *, fsync: bool = False, settings: tuple[str, ...] = ()
) -> Iterator[PostgresServer]:
    """A cluster with the receivers' user, gone with its files at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = PostgresServer(folder, free_port(), fsync, settings)
    try:
        initdb = [
            *(str(binary("initdb")), "-D", str(folder / "data"), "-U", "postgres", "-N"),
            *("--no-instructions", "--auth-local=trust", "--auth-host=scram-sha-256"),
            *("-E", "UTF8", "--locale=C.UTF-8"),
        ]
        subprocess.run(as_somebody(initdb), check=True, capture_output=True)
        server.begin()
        server.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    """A replica that streams from it, gone with its files at the end."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    server = PostgresServer(folder, free_port(), primary.fsync, primary.settings)
    try:
        copy = [
            *(str(binary("pg_basebackup")), "-h", str(primary.folder), "-p", str(primary.port)),
            *("-U", "postgres", "-D", str(folder / "data"), "-R", "-X", "stream", "-c", "fast"),
        ]
        subprocess.run(as_somebody(copy), check=True, capture_output=True)
        server.begin()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
