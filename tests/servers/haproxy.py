"""A real HAProxy with a config of ours before a socket of the test's."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import answers, running, start


@asynccontextmanager
async def haproxy(tmp_path: Path, config: str, engine: str) -> AsyncIterator[str]:
    """The address at which it answers; `config` is as it is shipped, `engine` the socket that it gets."""
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin")
    assert program, "haproxy is not installed: `apt-get install haproxy`, or run .ci/servers"
    port = free_port()
    file = tmp_path / "haproxy.cfg"
    file.write_text(
        config.replace("bind :2375", f"bind 127.0.0.1:{port}").replace(
            "/var/run/docker.sock", engine.removeprefix("unix://")
        )
    )
    url = f"http://127.0.0.1:{port}"
    # as docs/examples/docker-socket-proxy.yml has it
    env = {**os.environ, "CONTAINERS": "api|worker"}
    process = start("haproxy", [program, "-db", "-f", str(file)], tmp_path, env=env)
    async with running(process, lambda: answers(f"{url}/version")):
        yield url
