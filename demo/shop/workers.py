"""`python -m demo.shop.workers`: so many processes as were asked for, each sending one letter at a time.

A program of its own and not a library's pool, because it stands for what teams have: a supervisor of workers that can be
asked for more of them by a command.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bullmq import Job, Worker

from demo.shop.mail import QUEUE

MOST = 8
LETTER_TAKES = 0.15  # seconds
LOCK = 4_000  # milliseconds for which a worker may be silent
NEVER = 24 * 3_600_000  # nobody here looks for what a dead worker left behind
POLL = 0.2
COUNTED = 24 * 60  # minutes of which the queue itself keeps how many letters were sent
KILLED = "killed:"


def main(argv: Sequence[str] | None = None) -> int:
    """0 done; `status` is 1 when the workers do not run."""
    options = _parser().parse_args(argv)
    folder: Path = options.folder
    match options.do:
        case "scale":
            scale(folder, options.instances)
        case "status":
            return _status(folder)
        case "restart":
            (folder / "restart").touch()
        case "run":
            folder.mkdir(parents=True, exist_ok=True)
            asyncio.run(_pool(options.redis, folder))
        case _:
            asyncio.run(_work(options.redis))
    return 0


def scale(folder: Path, instances: int) -> None:
    """Asks whoever runs with this folder for so many workers."""
    _write(folder / "wanted", str(instances))


def _status(folder: Path) -> int:
    """Prints the pids on one line."""
    try:
        pids = [int(line) for line in (folder / "pids").read_text().split()]
        for pid in pids:
            os.kill(pid, 0)
    except (OSError, ValueError):
        return 1
    sys.stdout.write(" ".join(map(str, pids)) + "\n")
    return 0 if pids else 1


async def _pool(redis_url: str, folder: Path) -> None:
    """Keeps as many alive as `wanted` says, one at first."""
    workers: list[Process] = []
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pids = ""
    _write(folder / "wanted", "1")
    while not stop.is_set():
        if (folder / "restart").exists():
            (folder / "restart").unlink()
            await _end(workers)
        workers = [worker for worker in workers if worker.returncode is None]
        wanted = _wanted(folder)
        await _end(workers[wanted:])
        del workers[wanted:]
        while len(workers) < wanted:
            workers.append(await _begin(redis_url, folder))
        seen, pids = pids, "\n".join(str(worker.pid) for worker in workers)
        if pids != seen:
            _write(folder / "pids", pids)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), POLL)
    await _end(workers)
    (folder / "pids").unlink(missing_ok=True)


async def _begin(redis_url: str, folder: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "demo.shop.workers", "work"),
        *("--redis", redis_url, "--folder", str(folder)),
    )


async def _end(workers: Sequence[Process]) -> None:
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):
            worker.terminate()
    for worker in workers:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(worker.wait(), 3)
        if worker.returncode is None:
            worker.kill()
            await worker.wait()


def _wanted(folder: Path) -> int:
    try:
        return max(0, min(MOST, int((folder / "wanted").read_text())))
    except (OSError, ValueError):
        return 1


def _write(file: Path, text: str) -> None:
    """At once or not at all: who reads it at the same time never sees a half."""
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(text)
    beside.replace(file)


async def _work(redis_url: str) -> None:
    """One worker, until TERM; the letter in hand is sent first."""
    options = {
        "connection": redis_url,
        "concurrency": 1,
        "lockDuration": LOCK,
        "stalledInterval": NEVER,
        "metrics": {"maxDataPoints": COUNTED},
    }
    worker: Any = None

    async def send(job: Job, token: str) -> None:
        if job.data.get("kills") and await worker.client.set(
            f"{KILLED}{job.id}", 1, nx=True, ex=3600
        ):
            os._exit(9)
        await asyncio.sleep(LETTER_TAKES)

    worker = Worker(QUEUE, send, options)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await worker.close()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo.shop.workers", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where they are asked and seen")
    parser.add_argument("--redis", default="redis://127.0.0.1:9653/0", metavar="URL")
    parser.add_argument("do", choices=("run", "work", "status", "restart", "scale"))
    parser.add_argument("instances", type=int, nargs="?", default=1)
    return parser


if __name__ == "__main__":
    sys.exit(main())
