"""A process that does one thing and is killed right before its n-th step on the disk, for every n, without a tracer:
Python itself announces every file it opens, link it makes or name it changes, and every program it starts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator

_STEPS = frozenset(
    {"open", "os.symlink", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.utime", "shutil.rmtree", "subprocess.Popen"}
)  # fmt: skip
_MOST = 200


def _until(step: int, work: Callable[[], None]) -> None:
    left = step

    def announced(event: str, _: tuple[object, ...]) -> None:
        nonlocal left
        if event in _STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(announced)
    work()


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Whether the process was killed there; False when it came to its end before. `work` must be picklable."""
    started = multiprocessing.get_context("forkserver")
    started.set_forkserver_preload(["tests.receiver.strategies.places"])
    process = started.Process(target=_until, args=(step, work))
    process.start()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}, process.exitcode
    return process.exitcode != 0


def every_step(before: Callable[[], None], work: Callable[[], None]) -> Iterator[int]:
    """Yields after each kill; `before` lays the place anew. Ends when the work came to its end."""
    for step in range(1, _MOST):
        before()
        if not killed_at(step, work):
            return
        yield step
    raise AssertionError(f"no end after {_MOST} steps")
