"""A real PM2 with a daemon and a home of its own; PM2 itself is fetched once into var/npm."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.family import family_of, kill

VERSION = "7.0.4"
NPM = Path(__file__).parents[2] / "var" / "npm"


@dataclass(frozen=True, slots=True)
class Pm2:
    home: Path  # PM2_HOME
    executable: Path
    folder: Path  # where app files of the test go

    @property
    def env(self) -> dict[str, str]:
        return {"PM2_HOME": str(self.home), "HOME": str(self.home), "PATH": os.environ["PATH"]}

    @property
    def daemon_pid(self) -> int:
        return int((self.home / "pm2.pid").read_text())

    async def run(self, *arguments: str) -> str:
        """What `pm2 …` printed; the first call starts the daemon, as PM2 does."""
        process = await asyncio.create_subprocess_exec(
            str(self.executable), *arguments, env=self.env, cwd=self.folder,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await process.communicate()
        assert process.returncode == 0, output.decode()
        return output.decode()

    async def start(self, name: str, argv: Sequence[str], **options: object) -> None:
        """Starts a program under PM2; `options` are keys of PM2's app declaration: `instances=2`."""
        app = {"name": name, "script": argv[0], "args": list(argv[1:]), "interpreter": "none"}
        file = self.folder / f"{name}.config.json"
        file.write_text(json.dumps({"apps": [{**app, **options}]}))
        await self.run("start", str(file))


@asynccontextmanager
async def pm2(tmp_path: Path) -> AsyncIterator[Pm2]:
    await asyncio.to_thread(_install)
    # PM2 puts its unix sockets in its home, whose path must therefore be short.
    home = Path(tempfile.mkdtemp(prefix="pm2-"))
    try:
        yield Pm2(home, NPM / "node_modules" / ".bin" / "pm2", tmp_path)
    finally:
        _end(home)


def _install() -> None:
    NPM.mkdir(parents=True, exist_ok=True)
    with (NPM / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        if not (NPM / "node_modules" / ".bin" / "pm2").exists():
            subprocess.run(
                ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts",
                 "--prefix", str(NPM), f"pm2@{VERSION}"],
                check=True, timeout=180,
            )  # fmt: skip


def _end(home: Path) -> None:
    pidfile = home / "pm2.pid"
    if pidfile.exists():
        # `pm2 kill` takes half a second and leaves stopped processes; nothing here is worth that.
        kill(family_of(int(pidfile.read_text())))
    shutil.rmtree(home, ignore_errors=True)
