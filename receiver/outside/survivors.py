"""Finds what an action of a killed receiver left running: a child still carries the action's id in its environment.

A program that clears its environment (sudo does by default) is not found; a daemon that a program of `run` left behind
is found, because nothing tells it from unfinished work. What starts services on purpose says so in the environment, and
is passed over with all that it started: to end a service late would be worse than to look at it while it starts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

import psutil

from receiver.tools import MAY_STAY

_VARIABLE = "PRUNELLA_ACTION_ID"


class ProcessTable:
    """`receiver.tools.Survivors` by the environment of every process that we may look into."""

    def __init__(self, grace: float = 5.0) -> None:
        self._grace = grace

    async def find(self, action_id: str) -> tuple[int, ...]:
        carriers = await asyncio.to_thread(_carriers, action_id)
        return tuple(process.pid for process in carriers)

    async def end(self, action_id: str) -> None:
        await asyncio.to_thread(self._end, action_id)

    def _end(self, action_id: str) -> None:
        for last in (False, True):
            carriers = _carriers(action_id)
            for process in carriers:
                with contextlib.suppress(psutil.Error):
                    process.kill() if last else process.terminate()
            psutil.wait_procs(carriers, timeout=self._grace)


def _carriers(action_id: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _carries(process, action_id)
    ]


def _carries(process: psutil.Process, action_id: str) -> bool:
    try:
        environment = process.environ()
    except (psutil.Error, OSError):  # gone, a zombie, or another user's
        return False
    return environment.get(_VARIABLE) == action_id and MAY_STAY not in environment
