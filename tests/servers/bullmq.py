"""Real BullMQ, 5 and 6, in a Node process: `async with bullmq(server.url) as jobs: await jobs.call("email", "add", "hi", {})`.

Both majors are fetched once into var/bullmq. Killing the process is what leaves a job active with nobody working on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import itertools
import json
import os
import shutil
import subprocess
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "node"
INSTALLED = Path(__file__).parents[2] / "var" / "bullmq"
PATIENCE = 20.0


class BullMqError(Exception):
    """What BullMQ itself threw."""


class BullMq:
    """One Node process with any number of queues and workers."""

    def __init__(self, process: Process) -> None:
        self.runs: list[tuple[str, str]] = []  # (queue, job id) of every run that a worker began
        self.troubles: list[str] = []
        self._process = process
        self._numbers = itertools.count(1)
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Any]] = {0: self._ready}
        self._listening = asyncio.create_task(self._listen())

    async def call(self, queue: str, method: str, *args: object) -> Any:
        """`queue.method(...args)` of BullMQ's Queue: "add", "addBulk", "getJobCounts", "pause", …"""
        return await self._ask(command="call", queue=queue, method=method, args=args)

    async def work(self, queue: str, **options: object) -> None:
        """Starts a Worker; a job takes `data.ms` milliseconds and fails when it says `data.fail`."""
        await self._ask(command="work", queue=queue, options=options)

    async def rest(self, *, force: bool = False) -> None:
        """Closes all workers; by force, without waiting for what they run."""
        await self._ask(command="rest", force=force)

    async def kill(self) -> None:
        """SIGKILL, as when the machine takes it in the middle of a job."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._ready

    async def _ask(self, **command: object) -> Any:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **command}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(line.decode())
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(BullMqError("the process has ended"))

    def _hear(self, line: str) -> None:
        said = json.loads(line)
        if "ran" in said:
            self.runs.append((said["ran"][0], said["ran"][1]))
        elif "trouble" in said:
            self.troubles.append(said["trouble"])
        else:
            self._settle(self._waiting.pop(said["id"]), said)

    def _settle(self, answer: asyncio.Future[Any], said: Mapping[str, Any]) -> None:
        if answer.done():
            return
        if "error" in said:
            answer.set_exception(BullMqError(said["error"]))
        else:
            answer.set_result(said["result"])


@asynccontextmanager
async def bullmq(url: str, *, major: int = 6, prefix: str = "bull") -> AsyncIterator[BullMq]:
    """`url` is a Redis', or for major 6 a PostgreSQL's, where `prefix` is the schema."""
    node = await asyncio.to_thread(_install)
    process = await asyncio.create_subprocess_exec(
        node, str(SOURCE / "bullmq.cjs"), str(major), url, prefix,
        stdin=PIPE, stdout=PIPE, limit=1 << 22,
        env={"NODE_PATH": str(INSTALLED / "node_modules"), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    jobs = BullMq(process)
    try:
        await jobs.ready()
        yield jobs
    finally:
        await jobs.kill()


def _install() -> str:
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
