"""A real supervisord with programs of the test's choice, on a unix socket and on HTTP."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.family import family_of, kill
from tests.servers.ports import free_port
from tests.servers.process import running, start


@dataclass(frozen=True, slots=True)
class Supervisord:
    url: str  # unix:///…/s.sock
    http_url: str  # the same interface over HTTP
    pid: int
    config: Path
    log: Path


@asynccontextmanager
async def supervisord(
    tmp_path: Path, programs: Mapping[str, Sequence[str]], **options: str
) -> AsyncIterator[Supervisord]:
    """`programs` is name → argv; `options` go into every program: `startsecs="0"`, `autostart="false"`."""
    port = free_port()
    # A unix socket's path is at most 107 characters, and pytest's folders are long.
    short = Path(tempfile.mkdtemp(prefix="sv-"))
    config = tmp_path / "supervisord.conf"
    config.write_text(_config(short / "s.sock", port, tmp_path) + _programs(programs, options))
    argv = [sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(config)]
    process = start("supervisord", argv, tmp_path)
    try:
        async with running(process, lambda: "supervisord started with pid" in process.output()):
            url = f"unix://{short / 's.sock'}"
            try:
                yield Supervisord(url, f"http://127.0.0.1:{port}", process.pid, config, process.log)
            finally:
                family = family_of(process.pid)
                await process.stop()
                kill(family)
    finally:
        shutil.rmtree(short, ignore_errors=True)


def _config(socket: Path, port: int, folder: Path) -> str:
    return f"""\
[supervisord]
logfile={folder}/supervisord.own.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
[unix_http_server]
file={socket}
[inet_http_server]
port=127.0.0.1:{port}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{socket}
"""


def _programs(programs: Mapping[str, Sequence[str]], options: Mapping[str, str]) -> str:
    settings = {"stopwaitsecs": "1", "stopasgroup": "true", "killasgroup": "true", **options}
    lines = []
    for name, argv in programs.items():
        lines += [f"[program:{name}]", "command=" + shlex.join(argv).replace("%", "%%")]
        lines += [f"{key}={value}" for key, value in settings.items()]
    return "\n".join(lines) + "\n"
