"""Which processes are the receiver, so that it never repairs itself: a repair that ends its own doctor is never proven."""

from __future__ import annotations

import contextlib
import os

import psutil

_INIT = 1


def own_pids() -> frozenset[int]:
    """This process and all that it would die with: a shell or a wrapper that started it, but not the machine's init."""
    pids = {os.getpid()}
    with contextlib.suppress(psutil.Error):
        pids.update(parent.pid for parent in psutil.Process().parents())
    return frozenset(pids - {_INIT} | {os.getpid()})
