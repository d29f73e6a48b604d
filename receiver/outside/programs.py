"""Starts the programs of actions so that none can hang, flood or outlive the receiver unnoticed.

Each runs without a shell, in a session of its own, with no standard input, in `/`, and with the environment that was
given plus PATH, LANG and HOME. The output goes through our own pipe and not asyncio's, because a grandchild (a daemon
that was started by a restart script) may keep the pipe open for ever: when the program itself has ended, what is in the
pipe is taken and the rest is left.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from receiver.tools import MAX_OUTPUT, Finished, OutsideError

_CHUNK = 64 << 10
# what is read after the end: 4 MiB, so that a grandchild that never stops talking is left
_LAST_READS = 64
_REAP = 2.0
_GRACE_AT_STOP = 2.0  # when the receiver itself has to be gone within ten seconds


class SystemPrograms:
    """`receiver.tools.Programs` on asyncio. `grace` is the time between TERM and KILL."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished:
        output = _Output(max_output)
        try:
            process = await self._start(argv, {**_base_environment(), **(env or {})}, output)
            exit_code = await self._wait(process, timeout)
            return Finished(exit_code, output.text())
        finally:
            output.close()

    async def _start(
        self, argv: Sequence[str], env: Mapping[str, str], output: _Output
    ) -> asyncio.subprocess.Process:
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.write_end,
                stderr=output.write_end,
                env=env,
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise OutsideError(f"cannot start {argv[0]}: {why}", sent=False) from error
        output.begin()
        return process

    async def _wait(self, process: asyncio.subprocess.Process, timeout: float) -> int | None:
        try:
            async with asyncio.timeout(timeout):
                return await process.wait()
        except TimeoutError:
            await self._end_group(process, self._grace)
            return None
        except asyncio.CancelledError:
            await self._end_group(process, min(self._grace, _GRACE_AT_STOP))
            raise

    async def _end_group(self, process: asyncio.subprocess.Process, grace: float) -> None:
        """TERM, and KILL for who is left after the grace, or at once when we are cancelled meanwhile."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        alive = _signal_group(process.pid, signal.SIGTERM)
        try:
            while alive and loop.time() < deadline:
                await asyncio.sleep(0.02)
                alive = _signal_group(process.pid, 0)
        finally:
            if alive:
                _signal_group(process.pid, signal.SIGKILL)
            with suppress(TimeoutError):  # a process in an uninterruptible call is the kernel's
                async with asyncio.timeout(_REAP):
                    await process.wait()


class _Output:
    """The last bytes of what comes through a pipe; everything is read, so the writer never blocks."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._read_end, self.write_end = os.pipe()  # not inherited: PEP 446
        os.set_blocking(self._read_end, False)
        self._open = {self._read_end, self.write_end}

    def begin(self) -> None:
        """The program has its own copy of the write end now."""
        self._close(self.write_end)
        asyncio.get_running_loop().add_reader(self._read_end, self._take)

    def text(self) -> str:
        for _ in range(_LAST_READS):
            if not self._take():
                break
        return bytes(self._kept[-self._limit :]).decode("utf-8", "replace")

    def close(self) -> None:
        asyncio.get_running_loop().remove_reader(self._read_end)
        for end in tuple(self._open):
            self._close(end)

    def _take(self) -> bool:
        try:
            chunk = os.read(self._read_end, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            asyncio.get_running_loop().remove_reader(self._read_end)
            return False
        self._kept += chunk
        if len(self._kept) > 2 * self._limit:
            del self._kept[: -self._limit]
        return True

    def _close(self, end: int) -> None:
        if end in self._open:
            self._open.remove(end)
            os.close(end)


def _base_environment() -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "HOME": os.environ.get("HOME") or _home(),
    }


def _home() -> str:
    try:
        return str(Path.home())
    except RuntimeError:
        return "/"


def _signal_group(group: int, signum: int) -> bool:
    """Sends it; False when nobody of the group is left."""
    try:
        os.killpg(group, signum)
    except ProcessLookupError:
        return False
    except PermissionError:  # only members that changed their user are left
        return True
    return True
