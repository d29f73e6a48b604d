"""What has to be so of services, whoever is systemd: told against the stand-in here, and against a real one in
tests/compose."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from receiver.actions.base import ActionFailed
from receiver.actions.restart import Restart
from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.systemd import Systemd
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.effects import an_effect
from tests.servers.process import until

API = "api.service"
SLEEP = "import time; time.sleep(600)"
BROKEN = "raise SystemExit(3)"
TAKES_HUP = "import signal, time; signal.signal(signal.SIGHUP, lambda *_: None); time.sleep(600)"


class Services(Protocol):
    """A systemd, as a test needs it. Options are those of tests.servers.systemd.Unit."""

    async def define(self, name: str, code: str, **options: Any) -> Any: ...

    async def start(self, name: str, code: str, **options: Any) -> Any: ...


@dataclass(frozen=True)
class Scene:
    """One systemd, and the tools of an action; `strangers` are the same for somebody who may do nothing there."""

    services: Services
    tools: Tools
    strangers: Tools

    @property
    def api(self) -> Systemd:
        return Systemd(unit=API)

    async def state_is(self, state: ProcessState) -> None:
        async def is_so() -> bool:
            return (await self.api.status(self.tools)).state is state

        await until(is_so, f"the service is {state}")

    async def restarted(self, up_for: str = "100ms", timeout: float = 20.0) -> str:
        """By the action that playbooks use."""
        target = Target(name="api", process=self.api)
        effect = replace(an_effect(target), timeout=timeout)
        return (await Restart.model_validate({"up_for": up_for}).run(effect, self.tools)).text


class SystemdTales:
    """For classes that have a fixture `scene`."""

    async def test_a_restart_is_a_new_process_and_only_its_own(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP)
        await scene.services.start("other.service", SLEEP)
        other = Systemd(unit="other")
        before, bystander = await scene.api.status(scene.tools), await other.status(scene.tools)
        assert "restarted api in" in await scene.restarted()
        after = await scene.api.status(scene.tools)
        assert not set(before.pids) & set(after.pids)
        assert before.started_at is not None
        assert after.started_at is not None
        assert after.started_at > before.started_at
        assert await other.status(scene.tools) == bystander

    async def test_it_may_be_restarted_again_at_once(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP)
        await asyncio.gather(scene.api.restart(scene.tools), scene.api.restart(scene.tools))
        await scene.state_is(ProcessState.UP)

    async def test_what_is_stopped_is_started(self, scene: Scene) -> None:
        await scene.services.define(API, SLEEP)
        assert (await scene.api.status(scene.tools)).state is ProcessState.DOWN
        await scene.restarted()

    async def test_a_unit_that_systemd_does_not_know_is_missing(self, scene: Scene) -> None:
        assert (await scene.api.status(scene.tools)).state is ProcessState.MISSING
        assert not await scene.api.exists(scene.tools)
        with pytest.raises(ManagerError, match=r"knows no api\.service") as caught:
            await scene.api.restart(scene.tools)
        assert not caught.value.started

    async def test_a_start_up_grace_is_waited_for(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP, grace=0.8)
        restart = asyncio.create_task(scene.restarted())
        await scene.state_is(ProcessState.STARTING)
        assert not restart.done()
        assert "restarted api" in await restart

    async def test_a_restart_that_is_cancelled_goes_on_in_systemd(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP, grace=0.8)
        before = await scene.api.status(scene.tools)
        restart = asyncio.create_task(scene.api.restart(scene.tools))
        await scene.state_is(ProcessState.STARTING)
        restart.cancel()
        with pytest.raises(asyncio.CancelledError):
            await restart
        await scene.state_is(ProcessState.UP)
        assert (await scene.api.status(scene.tools)).pids != before.pids

    async def test_a_service_that_ends_at_once_is_no_restart(self, scene: Scene) -> None:
        await scene.services.define(API, BROKEN)
        with pytest.raises(ActionFailed, match="down"):
            await scene.restarted(up_for="2s")

    async def test_a_restart_loop_is_seen(self, scene: Scene) -> None:
        await scene.services.start(API, BROKEN, restart=True, burst=99)

        async def climbs() -> bool:
            return (await scene.api.status(scene.tools)).restarts > 1

        await until(climbs, "it was restarted by systemd twice")
        with pytest.raises(ActionFailed):
            await scene.restarted(timeout=4)

    async def test_the_limit_of_starts_is_kept_and_its_cure_said(self, scene: Scene) -> None:
        await scene.services.start(API, BROKEN, restart=True, burst=3)
        await scene.state_is(ProcessState.DOWN)
        with pytest.raises(ManagerError, match=r"systemctl reset-failed api\.service") as caught:
            await scene.api.restart(scene.tools)
        assert "start-limit-hit, 3 starts in 30s" in str(caught.value)
        assert (await scene.api.status(scene.tools)).state is ProcessState.DOWN

    async def test_a_reload_keeps_the_process_where_the_unit_has_one(self, scene: Scene) -> None:
        await scene.services.start(API, TAKES_HUP, grace=1.0, reloads=True)
        before = await scene.api.status(scene.tools)
        assert await scene.api.zero_downtime(scene.tools)
        await scene.api.reload(scene.tools)
        assert await scene.api.status(scene.tools) == before

    async def test_without_one_a_reload_is_a_restart(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP)
        before = await scene.api.status(scene.tools)
        assert not await scene.api.zero_downtime(scene.tools)
        await scene.api.reload(scene.tools)
        assert (await scene.api.status(scene.tools)).pids != before.pids

    async def test_what_is_masked_is_not_begun(self, scene: Scene) -> None:
        await scene.services.define(API, SLEEP, masked=True)
        with pytest.raises(ManagerError, match=r"systemctl unmask api\.service") as caught:
            await scene.api.restart(scene.tools)
        assert not caught.value.started

    async def test_who_has_no_rights_is_told_what_gives_them(self, scene: Scene) -> None:
        await scene.services.start(API, SLEEP)
        before = await scene.api.status(scene.tools)
        assert await scene.api.status(scene.strangers) == before
        with pytest.raises(ManagerError, match=r"50-prunella\.rules") as caught:
            await scene.api.restart(scene.strangers)
        assert str(caught.value).endswith(
            f"NOPASSWD: /usr/bin/systemctl --no-pager --no-ask-password restart {API}"
        )
        assert not caught.value.started
        assert await scene.api.status(scene.tools) == before
