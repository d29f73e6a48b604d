"""A machine with a mount whose server can hang, which is to whoever asks about it what a dead NFS server is: the question
waits in the kernel and cannot be taken back.

A FUSE filesystem in a mount namespace of its own, so that nobody else on this machine comes across it.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from tests.servers.process import Condition, ServerProcess, running, start

SERVER = Path(__file__).with_name("fuse_server.py")


class Machine:
    """A program in namespaces of its own, in which `point` is the mount. Its network is everybody's."""

    def __init__(self, process: ServerProcess, argv: Sequence[str], point: Path) -> None:
        self.process, self.argv, self.point = process, argv, point

    def hang(self) -> None:
        """From now on nobody answers for the mount. Stopped only when it says so: a request that it takes in between can be killed by nobody."""
        server = self._server()
        server.suspend()
        end = time.monotonic() + 10
        while server.status() != psutil.STATUS_STOPPED:
            assert time.monotonic() < end, "the mount's server does not stop"
            time.sleep(0.005)

    def come_back(self) -> None:
        self._server().resume()

    def threads(self) -> int:
        """Of the program that runs there."""
        return self._program().num_threads()

    def terminate(self) -> None:
        """SIGTERM to that program."""
        self._program().terminate()

    def _server(self) -> psutil.Process:
        return self._one([sys.executable, "-IB", str(SERVER), str(self.point)])

    def _program(self) -> psutil.Process:
        return self._one(self.argv)

    def _one(self, argv: Sequence[str]) -> psutil.Process:
        everybody = psutil.Process(self.process.pid).children(recursive=True)
        return next(one for one in everybody if one.cmdline() == list(argv))


@asynccontextmanager
async def machine_with_far_mount(
    argv: Sequence[str], ready: Condition, folder: Path
) -> AsyncIterator[Machine]:
    """`argv` runs beside the mount until the block ends; `ready` says when it does."""
    missing = [name for name in ("unshare", "sh") if shutil.which(name) is None]
    assert not missing, f"install util-linux: there is no {missing}"
    assert os.access("/dev/fuse", os.R_OK | os.W_OK), "no /dev/fuse: modprobe fuse, or run as root"
    point = folder / "far"
    point.mkdir()
    own = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    server = f'"{sys.executable}" -IB "$0" "$1" & '
    wait = 'until grep -q " $1 fuse" /proc/self/mounts; do sleep 0.02; done; '
    script = f'{server}{wait}shift; "$@" & wait $!'
    started = start(
        "far-machine",
        ["unshare", *user, *own, "sh", "-c", script, str(SERVER), str(point), *argv],
        folder,
    )
    async with running(started, ready):
        try:
            yield Machine(started, argv, point)
        finally:
            started.kill()  # unshare takes no SIGTERM; with it goes all that is inside
