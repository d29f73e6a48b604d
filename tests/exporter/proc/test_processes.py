from __future__ import annotations

import os
from pathlib import Path

import psutil

from exporter.proc import processes
from exporter.proc.kernel import boot_time
from tests.exporter.proc.tree import process

PROC = Path("/proc")


def test_a_process_has_its_time_its_memory_and_its_start(tmp_path: Path) -> None:
    process(tmp_path, 100, parent=7)
    (found,) = processes.table(tmp_path).values()
    assert (found.pid, found.parent) == (100, 7)
    assert found.cpu == 3.5  # with that of its ended children
    assert found.resident == 100 * processes.PAGE
    assert found.started == 60


def test_a_name_with_brackets_and_blanks_misleads_nobody(tmp_path: Path) -> None:
    process(tmp_path, 100, name="a) S 1 (b c", parent=7)
    assert processes.table(tmp_path)[100].parent == 7


def test_what_has_ended_is_not_there(tmp_path: Path) -> None:
    process(tmp_path, 100, state="Z")
    (tmp_path / "200").mkdir()
    assert processes.table(tmp_path) == {}


def test_files_of_proc_that_are_no_process_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1 kB\n")
    assert processes.table(tmp_path) == {}


def test_a_family_is_the_root_and_everything_below(tmp_path: Path) -> None:
    for pid, parent in ((100, 1), (101, 100), (102, 101), (200, 1)):
        process(tmp_path, pid, parent=parent)
    assert processes.families(processes.table(tmp_path), [100]) == {100, 101, 102}


def test_a_root_that_is_gone_has_no_family(tmp_path: Path) -> None:
    assert processes.families({}, [100]) == set()


def test_a_command_line_is_joined_by_blanks(tmp_path: Path) -> None:
    process(tmp_path, 100, cmdline="nginx:\0worker\0process\0")
    assert processes.command_line(tmp_path, 100) == "nginx: worker process"
    assert processes.command_line(tmp_path, 999) == ""


def test_our_own_process_agrees_with_psutil() -> None:
    mine = processes.table(PROC)[os.getpid()]
    peer = psutil.Process()
    assert mine.parent == peer.ppid()
    assert abs(mine.resident - peer.memory_info().rss) < 16 << 20
    assert abs(boot_time(PROC) + mine.started - peer.create_time()) < 1.5


def test_open_files_are_counted_where_we_may_look() -> None:
    counted = processes.open_files(PROC, os.getpid())
    assert counted is not None
    assert abs(counted - psutil.Process().num_fds()) <= 2
    assert processes.open_files(PROC, 0) is None
