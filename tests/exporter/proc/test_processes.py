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


def test_what_has_ended_is_told_by_its_state(tmp_path: Path) -> None:
    process(tmp_path, 100, state="Z")
    (tmp_path / "200").mkdir()
    assert [one.state for one in processes.table(tmp_path).values()] == ["Z"]


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


def test_a_name_that_is_no_text_is_still_one(tmp_path: Path) -> None:
    process(tmp_path, 100)
    text = (tmp_path / "100/stat").read_bytes().replace(b"(app)", b'(\xff\n"})')
    (tmp_path / "100/stat").write_bytes(text)
    assert processes.table(tmp_path)[100].name == '\ufffd\n"}'


def test_a_thread_of_the_kernel_is_known_as_one() -> None:
    table = processes.table(PROC)
    assert not table[os.getpid()].kernels
    assert processes.command_line(PROC, os.getpid()) != ""
    for one in table.values():
        if one.kernels:
            assert processes.command_line(PROC, one.pid) == ""
