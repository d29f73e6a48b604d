"""Real BullMQ, 5 and 6, in a Node process: `async with bullmq(server.url) as jobs: await jobs.call("email", "add", "hi", {})`.

Both majors are fetched once into var/bullmq. Killing the process is what leaves a job active with nobody working on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.lines import Lines, lines
from tests.servers.npm import installed

SOURCE = Path(__file__).parent / "node"
INSTALLED = Path(__file__).parents[2] / "var" / "bullmq"


@dataclass
class Heard:
    """What a process of workers has said of itself."""

    runs: list[tuple[str, str]] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def news(self, said: Mapping[str, Any]) -> None:
        if "ran" in said:
            self.runs.append((said["ran"][0], said["ran"][1]))
        else:
            self.troubles.append(said["trouble"])


@dataclass(frozen=True)
class BullMq:
    """One Node process with any number of queues and workers."""

    process: Lines
    heard: Heard

    @property
    def runs(self) -> list[tuple[str, str]]:
        """(queue, job id) of every run that a worker here began."""
        return self.heard.runs

    async def call(self, queue: str, method: str, *args: object) -> Any:
        """`queue.method(...args)` of BullMQ's Queue: "add", "addBulk", "getJobCounts", "pause", …"""
        return await self.process.ask(command="call", queue=queue, method=method, args=args)

    async def work(self, queue: str, **options: object) -> None:
        """Starts a Worker; a job takes `data.ms` milliseconds and fails when it says `data.fail`."""
        await self.process.ask(command="work", queue=queue, options=options)

    async def flow(self, tree: Mapping[str, Any]) -> None:
        """Adds a job with its children: `{name, queueName, data, opts, children}`."""
        await self.process.ask(command="flow", tree=tree)

    async def rest(self, *, force: bool = False) -> None:
        """Closes all workers; by force, without waiting for what they run."""
        await self.process.ask(command="rest", force=force)

    async def kill(self) -> None:
        """SIGKILL, as when the machine takes it in the middle of a job."""
        await self.process.kill()


@asynccontextmanager
async def bullmq(url: str, *, major: int = 6, prefix: str = "bull") -> AsyncIterator[BullMq]:
    """`url` is a Redis', or for major 6 a PostgreSQL's, where `prefix` is the schema."""
    node, heard = await asyncio.to_thread(installed, SOURCE / "package.json", INSTALLED), Heard()
    argv = [node, str(SOURCE / "bullmq.cjs"), str(major), url, prefix]
    env = {"NODE_PATH": str(INSTALLED / "node_modules")}
    async with lines(argv, env, heard.news) as process:
        yield BullMq(process, heard)
