from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil

from exporter import portable
from exporter.collectors.base import Collected, World
from exporter.collectors.host import Host, HostOptions, read
from tests.exporter.proc.tree import machine
from tests.exporter.reading import names, samples, value


async def collected(options: HostOptions | None = None) -> Collected:
    collector = Host(options or HostOptions(), World())
    return await collector.collect(asyncio.get_running_loop().time() + 5)


async def test_this_machine_is_read_without_a_problem() -> None:
    found = await collected()
    assert found.problems == ()
    assert value(found, "node_memory_MemTotal_bytes") == psutil.virtual_memory().total
    assert len(samples(found, "node_cpu_seconds_total")) == (os.cpu_count() or 0) * 8


async def test_another_procfs_can_be_read(tmp_path: Path) -> None:
    found = await collected(HostOptions(procfs=machine(tmp_path)))
    assert value(found, "node_load5") == 0.25


async def test_a_part_that_cannot_be_read_costs_only_its_own_series(tmp_path: Path) -> None:
    found = await collected(HostOptions(procfs=machine(tmp_path, meminfo="MemTotal: lots kB\n")))
    assert [problem.partition(":")[0] for problem in found.problems] == ["memory"]
    assert value(found, "node_load1") == 0.5


async def test_missing_mounts_cost_only_the_filesystems(tmp_path: Path) -> None:
    root = machine(tmp_path)
    (root / "mounts").unlink()
    found = await collected(HostOptions(procfs=root))
    assert [problem.partition(":")[0] for problem in found.problems] == ["filesystems"]
    assert value(found, "node_load1") == 0.5


async def test_there_is_nothing_to_say_when_it_was_late() -> None:
    assert Host(HostOptions(), World()).down() == ()


async def test_where_there_is_no_proc_the_same_names_are_read_by_psutil() -> None:
    families, problems = read(portable.PARTS, Path("/nowhere"))
    assert problems == []
    assert names(families) <= names(await collected())
    assert value(families, "node_memory_MemTotal_bytes") == psutil.virtual_memory().total


def test_mounts_and_processes_are_read_by_psutil_too() -> None:
    assert "/" in {mount.point for mount in portable.mounts(Path("/nowhere"))}
    mine = portable.table(Path("/nowhere"))[os.getpid()]
    assert mine.parent == os.getppid()
    assert mine.resident > 0
    assert "python" in portable.command_line(Path("/nowhere"), os.getpid())
    assert portable.details(Path("/nowhere"), os.getpid()).open_files
