"""What the operating system says of processes on this machine: for the managers that name the pids and no more."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from pathlib import Path

import psutil

_PROC = Path("/proc")


def resident_of(pids: Iterable[int]) -> int | None:
    """The resident bytes of all of them together; None when there are none, or one of them cannot be seen.

    What they started is not counted. Blocks for a moment: call it in a thread.
    """
    total = 0
    try:
        for pid in pids:
            total += psutil.Process(pid).memory_info().rss
    except psutil.Error:  # gone meanwhile, or another user's where that is hidden
        return None
    return total or None


def not_catching(pids: Iterable[int], name: str) -> tuple[int, ...]:
    """Those that surely do not handle the signal, so that it would end or pass them; none where it cannot be seen."""
    return tuple(pid for pid in pids if _catches(pid, signal.Signals[name]) is False)


def _catches(pid: int, number: signal.Signals) -> bool | None:
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
        mask = next(line for line in lines if line.startswith("SigCgt:")).partition(":")[2]
        return bool(int(mask, 16) >> (number - 1) & 1)
    except (OSError, StopIteration, ValueError):
        return None
