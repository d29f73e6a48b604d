"""A receiver of its own for one scenario: fsync and auth on, and what the system knows of its process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from benchmarks.deliveries import TOKEN
from tests.servers.postgres import postgres_server

READY = 30.0


@dataclass(frozen=True)
class Journal:
    """Where it is, and how large."""

    url: str
    size: Callable[[Path], int]


@contextmanager
def _journal() -> Iterator[Journal]:
    """SQLite, or with BENCH_JOURNAL=postgres a PostgreSQL of its own that syncs."""
    if os.environ.get("BENCH_JOURNAL", "sqlite") != "postgres":
        yield Journal("sqlite:journal.db", _files)
        return
    with postgres_server(fsync=True) as server:
        name = server.database()
        sql = f"SELECT pg_database_size('{name}')"
        yield Journal(server.url(name), lambda _: int(server.sql(sql)))


def _files(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("journal.db*"))


@dataclass
class Receiver:
    """One that runs."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    journal: Journal

    @property
    def system(self) -> psutil.Process:
        """Its process."""
        return psutil.Process(self.process.pid)

    @property
    def rss(self) -> float:
        """MB in memory now."""
        return float(self.system.memory_info().rss) / 1e6

    @property
    def disk(self) -> int:
        """Bytes of the journal."""
        return self.journal.size(self.folder)

    def read(self, path: str) -> str:
        """A GET's body."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as answer:
            return str(answer.read().decode())

    def kill_and_start(self) -> float:
        """kill -9, and the seconds until the next one serves."""
        self.process.kill()
        self.process.wait()
        began = time.perf_counter()
        self.process = _start(self.folder)
        _wait(self.port)
        return time.perf_counter() - began


@contextmanager
def receiver(**config: object) -> Iterator[Receiver]:
    """With these keys of the config beside the address, the journal and the token."""
    with tempfile.TemporaryDirectory() as name, _journal() as journal:
        folder, port = Path(name), free_port()
        own = {
            "server": {"listen": f"127.0.0.1:{port}"},
            "journal": journal.url,
            "auth": {"webhook": [{"name": "alertmanager", "token": TOKEN}]},
        }
        # JSON is YAML, too
        (folder / "receiver.yml").write_text(json.dumps({**own, **config}))
        running = Receiver(port, folder, _start(folder), journal)
        try:
            _wait(port)
            yield running
        finally:
            running.process.terminate()
            running.process.wait()


def _start(folder: Path) -> subprocess.Popen[bytes]:
    argv = ["-m", "receiver", "--config", str(folder / "receiver.yml"), "--log-level", "error"]
    return subprocess.Popen([sys.executable, *argv], env={**os.environ, "PYTHONPATH": "."})


def _wait(port: int) -> None:
    deadline = time.monotonic() + READY
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready"):
            return
        time.sleep(0.01)
    raise TimeoutError("the receiver does not get ready")


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@dataclass
class Sink:
    """Takes every message of a webhook channel, and when it came."""

    url: str
    took: list[tuple[float, Mapping[str, Any]]] = field(default_factory=list)

    def count(self, event: str | None = None) -> int:
        """How many messages, of one event if said."""
        return sum(event in (None, body["event"]) for _, body in self.took)


@contextmanager
def sink() -> Iterator[Sink]:
    """One that listens while the block runs."""
    taken = Sink("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # as the services speak, whose connections are used again

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.took.append((time.time(), json.loads(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    taken.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
