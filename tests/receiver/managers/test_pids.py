from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from receiver.managers.pids import not_catching, resident_of

HANDLES = "import signal, time; signal.signal(signal.SIGUSR2, lambda *_: None); print(1, flush=True); time.sleep(60)"
GONE = 2**22 + 1  # above the largest pid


@contextmanager
def a_process(code: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.kill()


def test_memory_is_that_of_all_processes_together() -> None:
    with a_process("print(1, flush=True); import time; time.sleep(60)") as pid:
        one, both = resident_of([pid]), resident_of([pid, os.getpid()])
    assert one is not None
    assert both is not None
    assert 1 << 20 < one < both
    assert both > psutil.Process().memory_info().rss // 2


def test_memory_that_cannot_be_seen_whole_is_not_seen() -> None:
    assert resident_of([]) is None
    assert resident_of([os.getpid(), GONE]) is None


def test_a_signal_that_would_end_a_process_is_told_from_one_that_it_handles() -> None:
    with a_process(HANDLES) as pid:
        assert not_catching([pid], "SIGUSR2") == ()
        assert not_catching([pid], "SIGUSR1") == (pid,)


def test_of_what_cannot_be_seen_nothing_is_said() -> None:
    assert not_catching([GONE], "SIGUSR2") == ()
