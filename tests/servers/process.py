"""Real servers as child processes that cannot outlive the test: the one place that starts, waits for and ends them."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

Condition = Callable[[], bool | Awaitable[bool]]
LONGEST_LOOK = 5.0  # seconds; a single condition that takes longer is not what a deadline is for


class NotReadyError(AssertionError):
    """A condition did not come true in time; the text ends with the tail of the server's log."""


@dataclass
class ServerProcess:
    """One running server with all of its output in `log`."""

    name: str
    popen: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def running(self) -> bool:
        return self.popen.poll() is None

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.output().splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """To the process alone, as an operator's `kill` would."""
        if self.running:
            self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL to the server and to everything it started, as when the machine takes all at once."""
        self._end(_family(self.pid) if self.running else [])

    def _end(self, family: Sequence[psutil.Process]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        for member in family:
            # psutil knows a reused pid by its start
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
        self.popen.wait()

    async def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM, and SIGKILL after `timeout`; the exit code (negative: the signal that ended it)."""
        family = _family(self.pid) if self.running else []
        self.signal(signal.SIGTERM)
        with contextlib.suppress(NotReadyError):
            await until(lambda: not self.running, f"{self.name} stopped", deadline=timeout)
        self._end(family)
        return self.popen.returncode


def _family(pid: int) -> list[psutil.Process]:
    """All that `pid` started, also what left its process group (supervisor's programs do)."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _tied_to_us(argv: Sequence[str]) -> list[str]:
    """Even when pytest itself is killed, Linux ends the server."""
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", "KILL", "--", *argv] if setpriv else list(argv)


def start(
    name: str,
    argv: Sequence[str],
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> ServerProcess:
    """Starts `argv` in a process group of its own; output is appended to `<folder>/<name>.log`."""
    log = folder / f"{name}.log"
    with log.open("ab") as out:
        popen = subprocess.Popen(
            _tied_to_us(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=None if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    return ServerProcess(name, popen, log)


async def until(
    condition: Condition,
    what: str,
    *,
    deadline: float = 20.0,
    every: float = 0.02,
    process: ServerProcess | None = None,
) -> None:
    """Looks until `condition` holds. Raises NotReadyError, with the process's log, when time is up or it has ended.

    A machine that stood still (a snapshot, a paused container) has given nobody the time to do anything: of one look to
    the next only so much counts.
    """
    left, before = deadline, time.monotonic()
    while True:
        result = condition()
        if await result if inspect.isawaitable(result) else result:
            return
        if process is not None and not process.running:
            raise NotReadyError(
                f"{process.name} ended with {process.popen.returncode}: {process.tail()}"
            )
        now = time.monotonic()
        left, before = left - min(now - before, LONGEST_LOOK), now
        if left <= 0:
            log = f"\n{process.tail()}" if process is not None else ""
            raise NotReadyError(f"not within {deadline:g}s: {what}{log}")
        await asyncio.sleep(every)


async def answers(url: str, status: int = 200, patience: float = 2.0) -> bool:
    """Whether a GET is answered with `status` now."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session,
            session.get(url) as response,
        ):
            return response.status == status
    except (aiohttp.ClientError, TimeoutError):
        return False


@asynccontextmanager
async def running(process: ServerProcess, ready: Condition) -> AsyncIterator[ServerProcess]:
    """Holds a started server: ready on entry, gone on exit, whatever happened between."""
    try:
        await until(ready, f"{process.name} ready", process=process)
        yield process
    finally:
        await process.stop()
