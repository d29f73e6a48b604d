"""The Express app of docs/examples/node, as its readers run it; what it needs is fetched from npm once into var/node-app."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start

SOURCE = Path(__file__).parents[2] / "docs" / "examples" / "node"
INSTALLED = Path(__file__).parents[2] / "var" / "node-app"


def installed() -> str:
    """The node that runs the packages of docs/examples/node/package.json."""
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node is not None, "there is no node: apt-get install npm"
    assert npm is not None, "there is no npm: apt-get install npm"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    wanted, stamp = (SOURCE / "package.json").read_text(), INSTALLED / ".installed"
    with (INSTALLED / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        if not stamp.exists() or stamp.read_text() != wanted:
            (INSTALLED / "package.json").write_text(wanted)
            argv = ["install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                    "--no-package-lock", "--prefix", str(INSTALLED)]  # fmt: skip
            subprocess.run([npm, *argv], check=True, timeout=180)
            stamp.write_text(wanted)
    return node


@asynccontextmanager
async def node_app(folder: Path, **environ: str) -> AsyncIterator[tuple[str, ServerProcess]]:
    """Its URL and process; `environ` may say SENTRY_DSN."""
    node, port = await asyncio.to_thread(installed), free_port()
    env = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "NODE_PATH": str(INSTALLED / "node_modules"),
        **environ,
    }
    process = start("node-app", [node, str(SOURCE / "app.js")], folder, env=env)
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(f"{url}/health")):
        yield url, process
