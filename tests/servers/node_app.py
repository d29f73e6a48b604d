"""The Express app of docs/examples/node, as its readers run it; what it needs is fetched from npm once into var/node-app."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.npm import installed
from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start

SOURCE = Path(__file__).parents[2] / "docs" / "examples" / "node"
INSTALLED = Path(__file__).parents[2] / "var" / "node-app"


@asynccontextmanager
async def node_app(folder: Path, **environ: str) -> AsyncIterator[tuple[str, ServerProcess]]:
    """Its URL and process; `environ` may say SENTRY_DSN."""
    node, port = await asyncio.to_thread(installed, SOURCE / "package.json", INSTALLED), free_port()
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
