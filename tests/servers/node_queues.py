"""pg-boss and Graphile Worker, each run once: the tables that they lay down, with jobs in every state."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from typing import Any

from tests.servers.bullmq import INSTALLED, SOURCE
from tests.servers.npm import installed


async def run_node(code: str, url: str) -> Any:
    """What the CommonJS code has given to `say`; `url` is its database."""
    node = await asyncio.to_thread(installed, SOURCE / "package.json", INSTALLED)
    lines = f"const say = (v) => console.log(JSON.stringify(v)); (async () => {{ {code} }})()"
    process = await asyncio.create_subprocess_exec(
        node, "-e", f"{lines}.then(() => process.exit(0))", stdout=PIPE, cwd=INSTALLED,
        env={"PATH": os.environ["PATH"], "URL": url},
    )  # fmt: skip
    async with asyncio.timeout(30):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    return json.loads(said.splitlines()[-1])
