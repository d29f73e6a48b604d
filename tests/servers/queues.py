"""Real Celery, RQ, arq and procrastinate in a venv of their own, var/queues.

Their own, because arq's and kombu's demands on redis-py contradict each other on paper (together they work); hence `--no-deps`.

`async with console("rq", url) as rq: await rq('queue("email").enqueue(work, 60).id')` evaluates in workers/rq_jobs.py;
`async with worker("rq", url, folder, "email")` is that system's own worker as its users start it.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.servers.lines import Lines, lines
from tests.servers.process import ServerProcess, running, start

SOURCE = Path(__file__).parent / "workers"
INSTALLED = Path(__file__).parents[2] / "var" / "queues"
System = Literal["celery", "rq", "arq", "procrastinate"]
# How each one's own worker is started, and what it says when it is ready.
WORKERS: dict[System, tuple[tuple[str, ...], str]] = {
    "celery": (("celery", "-A", "celery_jobs", "worker", "-P", "prefork", "-l", "INFO"), "ready."),
    "rq": (("rq", "worker", "--url", "{url}"), "Listening on"),
    "arq": (("arq", "arq_jobs.WorkerSettings"), "Starting worker"),
    "procrastinate": (
        ("procrastinate", "-v", "-a", "procrastinate_jobs.app", "worker"),
        "Starting worker",
    ),
}


@dataclass(frozen=True)
class Console:
    process: Lines

    async def __call__(self, code: str) -> Any:
        """The expression's value; a coroutine is awaited first."""
        return await self.process.ask(code=code)


@asynccontextmanager
async def console(system: System, url: str) -> AsyncIterator[Console]:
    python = await asyncio.to_thread(_install)
    argv = [str(python / "python"), str(SOURCE / "console.py"), f"{system}_jobs"]
    async with lines(argv, _env(url)) as process:
        yield Console(process)


@asynccontextmanager
async def worker(
    system: System, url: str, folder: Path, *options: str, **env: str
) -> AsyncIterator[ServerProcess]:
    """Ready on entry; `process.kill()` takes it in the middle of a job."""
    python = await asyncio.to_thread(_install)
    (program, *rest), ready = WORKERS[system]
    argv = [str(python / program), *(part.format(url=url) for part in rest), *options]
    process = start(
        f"{system}-worker", argv, folder,
        env={"PATH": f"{python}:{os.environ['PATH']}", **_env(url), **env}, cwd=folder,
    )  # fmt: skip
    async with running(process, lambda: ready in process.output()):
        yield process


def _env(url: str) -> dict[str, str]:
    return {"QUEUE_URL": url, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}


def _install() -> Path:
    """The folder of the venv's programs."""
    programs = INSTALLED / "bin"
    INSTALLED.parent.mkdir(parents=True, exist_ok=True)
    requirements = SOURCE / "requirements.txt"
    wanted, stamp = requirements.read_text(), INSTALLED / ".installed"
    with (INSTALLED.parent / ".queues.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # test processes run side by side
        if not stamp.exists() or stamp.read_text() != wanted:
            quiet = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            for argv in (
                [sys.executable, "-m", "venv", "--clear", str(INSTALLED)],
                [str(programs / "python"), "-m", "pip", "install", "-qq", "--no-deps", "-r", str(requirements)],
            ):  # fmt: skip
                subprocess.run(argv, check=True, timeout=180, env=quiet)
            stamp.write_text(wanted)
    return programs
