"""The manager `systemd` on a real systemd with polkit, where docker/compose-test has made one; the same tales are told to
the stand-in everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.collectors.base import World
from exporter.collectors.process_sources.systemd import SystemdEntry
from exporter.collectors.processes import Processes
from receiver.managers.base import ManagerError
from receiver.managers.systemd import Systemd
from tests.compose.machine import RealSystemd
from tests.exporter.reading import value
from tests.receiver.managers.docker_tales import the_tools
from tests.receiver.managers.systemd_tales import API, SLEEP, Scene, SystemdTales

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealSystemd]:
    started = RealSystemd(Path(tmp_path_factory.mktemp("systemctl")))
    try:
        started.begin()
        yield started
    finally:
        started.end()


@pytest.fixture
def scene(machine: RealSystemd) -> Iterator[Scene]:
    root, nobody = (
        the_tools({"systemctl": machine.systemctl(user)}) for user in ("root", "nobody")
    )
    try:
        yield Scene(machine, root, nobody)
    finally:
        machine.forget()


async def test_the_exporter_reads_what_a_real_systemd_says(machine: RealSystemd) -> None:
    """Its processes are in a namespace of their own, so what is compared is what systemd itself says."""
    await machine.start("api.service", SLEEP)
    await machine.define("idle.service", SLEEP)
    program = machine.systemctl("nobody")
    entries = [
        SystemdEntry(name=name, manager="systemd", systemctl=program)
        for name in ("api", "idle", "nobody")
    ]
    found = await Processes(entries, World()).collect(asyncio.get_running_loop().time() + 20)
    try:
        assert found.problems == ()
        up = [value(found, "prunella_process_up", name=one.name) for one in entries]
        assert up == [1, 0, 0]
        assert value(found, "prunella_process_restarts_total", name="api") == 0
    finally:
        machine.forget()


class TestAgainstARealSystemd(SystemdTales):
    async def test_the_shipped_polkit_rule_is_enough_for_what_it_names_and_for_nothing_else(
        self, machine: RealSystemd, scene: Scene
    ) -> None:
        await machine.start(API, SLEEP)
        await machine.start("other.service", SLEEP)
        allowed = the_tools({"systemctl": machine.systemctl("prunella")})
        before = await scene.api.status(allowed)
        await scene.api.restart(allowed)
        assert (await scene.api.status(allowed)).pids != before.pids
        with pytest.raises(ManagerError, match=r"50-prunella\.rules"):
            await Systemd(unit="other").restart(allowed)
