"""The processes a process started: what a daemon leaves behind must go with its test."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import psutil


def family_of(pid: int) -> list[psutil.Process]:
    """The process and all it started, as far as they still hang together."""
    try:
        head = psutil.Process(pid)
        return [head, *head.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill(family: Sequence[psutil.Process]) -> None:
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # psutil knows a reused pid by its start
            member.kill()
    psutil.wait_procs(family, timeout=5)
