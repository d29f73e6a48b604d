"""A real Redis on a free port: `async with redis_server() as server: server.url`."""

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
from tests.servers.process import running, start


@dataclass(frozen=True, slots=True)
class RedisServer:
    url: str
    port: int
    pid: int

    def hang(self) -> None:
        """It keeps its sockets open and answers nobody."""
        os.kill(self.pid, signal.SIGSTOP)

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wake(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@asynccontextmanager
async def redis_server(
    *options: str,
    port: int | None = None,
    first: tuple[str, ...] = (),
    ready: str = "Ready to accept connections",
) -> AsyncIterator[RedisServer]:
    """`options` go to redis-server as they are: `"--requirepass", "secret"`; nothing is kept on disk.

    `first` comes before all others, and `ready` is what it logs when it serves: a Sentinel needs both.
    """
    at = port or free_port()
    folder = Path(tempfile.mkdtemp(prefix="redis-"))
    argv = ["redis-server", *first, "--port", str(at), "--bind", "127.0.0.1", "--save", "",
            "--appendonly", "no", "--dir", str(folder), *options]  # fmt: skip
    process = start("redis", argv, folder)
    try:
        async with running(process, lambda: ready in process.output()):
            try:
                yield RedisServer(f"redis://127.0.0.1:{at}/0", at, process.pid)
            finally:
                process.kill()  # nothing is kept, and a stopped server would not hear TERM
    finally:
        shutil.rmtree(folder, ignore_errors=True)
