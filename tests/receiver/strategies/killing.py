"""A process that does one thing and is killed right before its n-th step on the disk, for every n, without a tracer:
Python itself announces every link it makes, name it changes, thing it removes and program it starts.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.context import ForkServerProcess

_DONE = "done"  # and before it can say so
_STEPS = frozenset(
    {"os.symlink", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.utime", "shutil.rmtree", "subprocess.Popen", _DONE}
)  # fmt: skip
_MOST = 200


def _until(step: int, work: Callable[[], None]) -> None:
    left = step

    def announced(event: str, _: tuple[object, ...] = ()) -> None:
        nonlocal left
        if event not in _STEPS:  # a file that is opened is only read
            return
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(announced)
    work()
    announced(_DONE)


def in_a_process(work: Callable[[], None], killed_at: int = -1) -> ForkServerProcess:
    """Has begun it. `work` must be picklable."""
    started = multiprocessing.get_context("forkserver")
    started.set_forkserver_preload(["tests.receiver.strategies.repositories"])
    process = started.Process(target=_until, args=(killed_at, work))
    process.start()
    return process


def killed_at(step: int, work: Callable[[], None]) -> bool:
    """Whether the process was killed there; False when it came to its end before."""
    process = in_a_process(work, step)
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
