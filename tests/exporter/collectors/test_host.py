from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import aiohttp
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter import portable
from exporter.collectors.base import Collected, World
from exporter.collectors.host import Host, HostOptions, read
from tests.exporter.proc.tree import machine
from tests.exporter.reading import names, samples, value
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start

PEER = shutil.which("prometheus-node-exporter")
# Same figure, another moment: what may have moved between the two scrapes.
MOVING = {"node_cpu_seconds_total": 5.0, "node_time_seconds": 5.0, "node_boot_time_seconds": 1.0}


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


@pytest.mark.server
@pytest.mark.skipif(PEER is None, reason="node_exporter is not installed")
async def test_our_values_are_node_exporters(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    process = start("node_exporter", [str(PEER), f"--web.listen-address={address}"], tmp_path)
    async with running(process, lambda: answers(f"http://{address}/")):
        ours, theirs = await collected(), await scraped(f"http://{address}/metrics")
    different = {
        (sample.name, *sample.labels.values()): (sample.value, theirs[key])
        for family in ours.families
        for sample in family.samples
        if (key := (sample.name, frozenset(sample.labels.items()))) in theirs
        and abs(sample.value - theirs[key]) > tolerance(sample.name, theirs[key])
    }
    assert different == {}


def tolerance(name: str, figure: float) -> float:
    settled = ("_size_bytes", "_info", "MemTotal_bytes", "_readonly", "SwapTotal_bytes", "_files")
    return 0.0 if name.endswith(settled) else MOVING.get(name, 100.0 + abs(figure) * 0.25)


async def scraped(url: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        text = await response.text()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
