"""The manager `systemd` on a real systemd with polkit, where docker/compose-test has made one; the same tales are told to
the stand-in everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.managers.base import ManagerError
from receiver.managers.systemd import Systemd
from tests.compose.machine import RealSystemd
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
