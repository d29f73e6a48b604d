from __future__ import annotations

import asyncio
import os
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from exporter.collectors.base import Collected, World
from exporter.collectors.process_sources.systemd import SystemdEntry, processes_of
from exporter.collectors.processes import Processes
from tests.exporter.proc.tree import write
from tests.exporter.reading import value
from tests.servers.process import until
from tests.servers.systemd import Systemd, systemd

SLEEP = "import time; time.sleep(600)"
BROKEN = "raise SystemExit(3)"


def entry(manager: Systemd, name: str = "api", unit: str = "") -> SystemdEntry:
    return SystemdEntry(name=name, manager="systemd", unit=unit, systemctl=str(manager.executable))


async def seen(*entries: SystemdEntry, seconds: float = 10.0) -> Collected:
    deadline = asyncio.get_running_loop().time() + seconds
    return await Processes(entries, World()).collect(deadline)


@pytest.mark.server
async def test_services_are_up_or_not_and_asked_for_in_one_go() -> None:
    async with systemd() as manager:
        unit = await manager.start("api.service", SLEEP)
        await manager.define("idle.service", SLEEP)
        names = ("api", "idle", "nobody")
        found = await seen(*(entry(manager, name) for name in names))
        up = [value(found, "prunella_process_up", name=name) for name in names]
        assert (up, found.problems, len(manager.orders)) == ([1, 0, 0], (), 1)
        started = value(found, "prunella_process_start_time_seconds", name="api") or 0
        assert abs(started - psutil.Process(unit.pid).create_time()) < 2


@pytest.mark.server
async def test_restarts_and_the_limit_are_systemds_own() -> None:
    async with systemd() as manager:
        unit = await manager.start(
            "api.service", BROKEN, restart=True, restart_sec=0.02, burst=3, memory_max=1 << 30
        )
        await until(lambda: unit.result == "start-limit-hit" or unit.restarts >= 2, "it restarts")
        found = await seen(entry(manager))
        assert (value(found, "prunella_process_restarts_total") or 0) >= 2
        assert value(found, "prunella_process_memory_limit_bytes") == 1 << 30


@pytest.mark.server
async def test_an_instance_of_a_template_is_found_by_its_unit() -> None:
    async with systemd() as manager:
        await manager.start("worker@2.service", SLEEP)
        found = await seen(entry(manager, "second worker", "worker@2"))
        assert value(found, "prunella_process_up", name="second worker") == 1


@pytest.mark.server
async def test_a_systemd_that_hangs_is_given_up_and_leaves_no_program_behind() -> None:
    async with systemd() as manager:
        manager.awake.clear()
        found = await seen(entry(manager), seconds=0.5)
        assert found.problems == ("systemd: no answer in time",)
        assert value(found, "prunella_process_up") == 0
        children = psutil.Process().children(recursive=True)
        assert not [one for one in children if str(manager.executable) in " ".join(one.cmdline())]


async def test_a_machine_without_systemd_says_so() -> None:
    lost = SystemdEntry(name="api", manager="systemd", systemctl="/nowhere/systemctl")
    found = await seen(lost)
    assert found.problems == ("systemd: /nowhere/systemctl: No such file or directory",)


async def test_what_systemctl_complains_of_is_told(tmp_path: Path) -> None:
    program = tmp_path / "systemctl"
    program.write_text("#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")
    program.chmod(0o755)
    found = await seen(SystemdEntry(name="api", manager="systemd", systemctl=str(program)))
    assert found.problems == ("systemd: Failed to connect to bus",)


@pytest.mark.parametrize("state", ["active", "reloading", "refreshing"])
async def test_a_service_that_reloads_is_up(tmp_path: Path, state: str) -> None:
    found = await seen(saying(tmp_path, f"Id=api.service\nLoadState=loaded\nActiveState={state}\n"))
    assert value(found, "prunella_process_up") == 1


@pytest.mark.parametrize("state", ["activating", "deactivating", "failed", "maintenance"])
async def test_a_service_that_comes_or_goes_is_not(tmp_path: Path, state: str) -> None:
    found = await seen(saying(tmp_path, f"Id=api.service\nLoadState=loaded\nActiveState={state}\n"))
    assert value(found, "prunella_process_up") == 0


async def test_an_alias_is_found_by_the_name_that_the_entry_says(tmp_path: Path) -> None:
    text = "Id=real.service\nNames=api.service real.service\nLoadState=loaded\nActiveState=active\n"
    found = await seen(saying(tmp_path, text + "NRestarts=4\n"))
    assert value(found, "prunella_process_up", name="api") == 1
    assert value(found, "prunella_process_restarts_total", name="api") == 4


@pytest.mark.parametrize("limit", ["infinity", "18446744073709551615", "9" * 400, "[not set]", ""])
async def test_no_limit_in_any_of_systemds_words_is_none(tmp_path: Path, limit: str) -> None:
    text = "Id=api.service\nLoadState=loaded\nActiveState=active\n"
    found = await seen(saying(tmp_path, f"{text}MemoryMax={limit}\n"))
    assert value(found, "prunella_process_memory_limit_bytes") is None


@pytest.mark.parametrize("fact", ["MainPID", "NRestarts"])
async def test_a_figure_that_cannot_be_is_said(tmp_path: Path, fact: str) -> None:
    text = "Id=api.service\nLoadState=loaded\nActiveState=active\n"
    found = await seen(saying(tmp_path, f"{text}{fact}={'9' * 400}\n"))
    assert value(found, "prunella_process_up") == 0
    assert found.problems == ("systemd: not the answer expected (ValueError)",)


async def test_a_service_whose_main_process_is_not_to_be_seen_is_up(tmp_path: Path) -> None:
    text = "Id=api.service\nLoadState=loaded\nActiveState=active\nMainPID=0\n"
    found = await seen(saying(tmp_path, text))
    assert value(found, "prunella_process_up") == 1
    assert found.problems == ()


def saying(tmp_path: Path, text: str) -> SystemdEntry:
    """An entry whose systemctl says just this."""
    (tmp_path / "said").write_text(text)
    program = tmp_path / "systemctl"
    program.write_text(f"#!/bin/sh\ncat {tmp_path}/said\n")
    program.chmod(0o755)
    return SystemdEntry(name="api", manager="systemd", systemctl=str(program))


@pytest.mark.parametrize("name", ["--all", "*", "a b", "api.socket", "x" * 300, "a;b"])
async def test_a_name_that_is_no_services_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        SystemdEntry(name="api", manager="systemd", unit=name)


def test_an_entrys_name_must_be_a_services_when_it_names_no_other() -> None:
    with pytest.raises(ValidationError, match="unit"):
        SystemdEntry(name="the api", manager="systemd")


@pytest.mark.parametrize("mounted", ["", "unified", "systemd"])
def test_a_control_group_has_its_processes_and_those_below(tmp_path: Path, mounted: str) -> None:
    group = "system.slice/api.service"
    files = {f"{group}/cgroup.procs": "7\n8\n", f"{group}/sub/cgroup.procs": "9\n"}
    write(tmp_path / mounted, files)
    assert set(processes_of("/system.slice/api.service", tmp_path)) == {7, 8, 9}


def test_no_control_group_has_no_processes(tmp_path: Path) -> None:
    write(tmp_path, {"cgroup.procs": f"{os.getpid()}\n"})
    for group in ("", "/", "/gone.service"):
        assert list(processes_of(group, tmp_path)) == []
