"""Finds what an action of a killed receiver left running: a child still carries the action's id in its environment.

A program that clears its environment (sudo does by default) is not found; a daemon that a restart script left behind
is found, because nothing tells it from unfinished work.
"""

from __future__ import annotations

import asyncio
import os

import psutil

_VARIABLE = "PRUNELLA_ACTION_ID"


async def survivors(action_id: str) -> tuple[int, ...]:
    """The processes, by id, that the action started and that still live; only those we may look into."""
    return await asyncio.to_thread(_carriers, action_id)


def _carriers(action_id: str) -> tuple[int, ...]:
    return tuple(
        process.pid
        for process in psutil.process_iter()
        if process.pid != os.getpid() and _carries(process, action_id)
    )


def _carries(process: psutil.Process, action_id: str) -> bool:
    try:
        return process.environ().get(_VARIABLE) == action_id
    except (psutil.Error, OSError):  # gone, a zombie, or another user's
        return False
