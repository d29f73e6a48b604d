from __future__ import annotations

import os
import resource
from pathlib import Path

import psutil

from exporter.proc.details import details, most_files, open_files
from tests.exporter.proc.tree import process

PROC = Path("/proc")
STATUS = "Name:\tapp\nVmSwap:\t       8 kB\nThreads:\t3\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n"
IO = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 0\n"
LIMITS = (
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max open files            20                   4096                 files     \n"
)


def test_a_process_tells_what_it_swapped_read_wrote_and_how_often_it_gave_way(
    tmp_path: Path,
) -> None:
    process(tmp_path, 100, status=STATUS, io=IO, limits=LIMITS)
    found = details(tmp_path, 100)
    assert (found.swapped, found.voluntary, found.involuntary) == (8192, 5, 6)
    assert (found.read, found.written) == (4096, 8192)
    assert found.most_files == 20


def test_what_may_not_be_read_is_not_known(tmp_path: Path) -> None:
    process(tmp_path, 100)
    found = details(tmp_path, 100)
    assert (found.swapped, found.read, found.open_files, found.most_files) == (None,) * 4


def test_a_kernel_without_swap_has_the_rest(tmp_path: Path) -> None:
    process(tmp_path, 100, status=STATUS.replace("VmSwap:\t       8 kB\n", ""))
    found = details(tmp_path, 100)
    assert (found.swapped, found.voluntary) == (None, 5)


def test_our_own_files_and_their_limit_are_as_psutil_says() -> None:
    counted = open_files(PROC, os.getpid())
    assert counted is not None
    assert abs(counted - psutil.Process().num_fds()) <= 2
    assert most_files(PROC, os.getpid()) == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert open_files(PROC, 0) is None


def test_a_limit_that_is_none_is_none(tmp_path: Path) -> None:
    process(tmp_path, 100, limits=LIMITS.replace("20  ", "unlimited"))
    assert most_files(tmp_path, 100) is None
