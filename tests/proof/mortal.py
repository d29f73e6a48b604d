"""A receiver in a process of its own that dies by SIGKILL at the point that it was told, and says which it reached.

It is forked from a server that has the program loaded already, so that a life costs no start of an interpreter.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from prunella.service.main import Program, main
from prunella.service.reload import Live
from prunella.service.settings import load
from prunella.service.web import Service
from receiver.app import receiver
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from tests.proof.failpoints import watched_journal, watched_survivors, watched_tools

LEASE = 0.6
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Trace:
    """Writes down every point past all buffers, and dies at `fatal` (`<point>#<how often>`)."""

    def __init__(self, file: Path, fatal: str) -> None:
        self._file = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._fatal = fatal
        self._seen: Counter[str] = Counter()

    def reached(self, point: str) -> None:
        self._seen[point] += 1
        name = f"{point}#{self._seen[point]}"
        os.write(self._file, f"{name}\n".encode())
        if name == self._fatal:
            os.kill(os.getpid(), signal.SIGKILL)


def live(config: Path, trace: Path, fatal: str) -> None:
    """The life of one process, in the place of the forked one."""
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL)
    log = os.open(config.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    points = Trace(trace, fatal)

    def around(context: Context) -> Context:
        return replace(
            context,
            journal=watched_journal(context.journal, points.reached),
            tools=watched_tools(context.tools, points.reached),
            survivors=watched_survivors(context.survivors, points.reached),
        )

    def read(file: Path | None, environ: Mapping[str, str]) -> ReceiverSettings:
        return load(ReceiverSettings, file, environ)

    def start(live: Live[ReceiverSettings]) -> AbstractAsyncContextManager[Service]:
        return receiver(live, config.parent, lease=LEASE, around=around)

    os._exit(main(Program("mortal-receiver", read, start), ["--config", str(config)]))


def nursery() -> ForkServerContext:
    """Where processes are forked from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.proof.mortal"])
    return context


def begin(context: ForkServerContext, config: Path, trace: Path, fatal: str) -> ForkServerProcess:
    """A new life."""
    process = context.Process(target=live, args=(config, trace, fatal), daemon=True)
    process.start()
    return process
