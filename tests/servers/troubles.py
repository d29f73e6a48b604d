"""What can be wrong with a real server: it hangs, or we may not speak to it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user who owns nothing: root's own rights open every socket. Whoever is not root is that already."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def hung(pid: int) -> Iterator[None]:
    """The process is there and takes connections, but does nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # somebody ended it, which may be the point
            os.kill(pid, signal.SIGCONT)
