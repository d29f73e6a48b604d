"""What has to be so of containers, whoever runs them: told against the stand-in here, and against a real engine in
tests/compose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

import pytest

from prunella.service.clock import SystemClock
from receiver.actions.base import ActionFailed
from receiver.actions.restart import Restart
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.managers.docker import Docker
from receiver.managers.docker_engine import open_engine
from receiver.outside.programs import SystemPrograms
from receiver.targets import Target
from receiver.tools import MAX_OUTPUT, Finished, Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import StandInHttp
from tests.servers.process import until

_ENDS = "import os, signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: os._exit(0)); "
SLEEP = f"{_ENDS}time.sleep(600)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
BROKEN = "raise SystemExit(3)"
ENDS_AT_USR2 = f"{_ENDS}signal.signal(signal.SIGUSR2, lambda *_: os._exit(7)); time.sleep(600)"


class Containers(Protocol):
    """An engine, as a test needs it."""

    @property
    def url(self) -> str: ...

    async def run(self, name: str, code: str, **options: Any) -> Any: ...

    async def stop(self, name: str) -> None: ...

    async def become(self, name: str, *, healthy: bool) -> None: ...


@dataclass(frozen=True)
class Scene:
    """One engine, one process facet, and the tools of an action."""

    engine: Containers
    tools: Tools
    facet: Callable[[str], Manager]

    @property
    def api(self) -> Manager:
        return self.facet("api")

    async def state_is(self, state: ProcessState) -> None:
        async def is_so() -> bool:
            return (await self.api.status(self.tools)).state is state

        await until(is_so, f"it is {state}")

    async def restarted(self, up_for: str = "100ms", timeout: float = 30.0) -> str:
        """By the action that playbooks use."""
        target = Target(name="api", process=self.api)
        effect = replace(an_effect(target), timeout=timeout)
        return (await Restart.model_validate({"up_for": up_for}).run(effect, self.tools)).text


class KilledAt(SystemPrograms):
    """Kills what is told that word after so many seconds, as a receiver that is killed takes its children with it."""

    def __init__(self, word: str, seconds: float) -> None:
        super().__init__(grace=0)
        self._word, self._seconds = word, seconds

    async def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        env: Mapping[str, str] | None = None,
        max_output: int = MAX_OUTPUT,
    ) -> Finished:
        soon = self._seconds if self._word in argv else timeout
        return await super().run(argv, timeout=soon, env=env, max_output=max_output)


def the_tools(executables: dict[str, str] | None = None) -> Tools:
    return Tools(
        clock=SystemClock(),
        http=StandInHttp(),
        programs=SystemPrograms(grace=0.2),
        executables=executables or {},
    )


async def is_another(scene: Scene, before: ProcessStatus) -> bool:
    now = await scene.api.status(scene.tools)
    return now.state is ProcessState.UP and now.started_at != before.started_at


class ContainerTales:
    """For classes that have a fixture `scene`, whatever manager it gives."""

    async def test_a_restart_is_a_new_start_and_of_that_one_only(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP)
        await scene.engine.run("api-2", SLEEP)
        other = scene.facet("api-2")
        before, bystander = await scene.api.status(scene.tools), await other.status(scene.tools)
        assert "restarted api in" in await scene.restarted()
        after = await scene.api.status(scene.tools)
        assert before.started_at is not None
        assert after.started_at is not None
        assert after.started_at > before.started_at
        assert not set(after.pids) & set(before.pids)
        assert await other.status(scene.tools) == bystander

    async def test_it_may_be_restarted_again_at_once(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP)
        await asyncio.gather(scene.api.restart(scene.tools), scene.api.restart(scene.tools))
        await scene.state_is(ProcessState.UP)

    async def test_what_is_stopped_is_started(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP)
        await scene.engine.stop("api")
        status = await scene.api.status(scene.tools)
        assert (status.state, status.pids, status.started_at) == (ProcessState.DOWN, (), None)
        await scene.restarted()

    async def test_a_health_check_is_waited_for(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP, checked=True)
        assert (await scene.api.status(scene.tools)).state is ProcessState.STARTING
        await scene.engine.become("api", healthy=True)
        await scene.state_is(ProcessState.UP)
        restart = asyncio.create_task(scene.restarted())
        await scene.state_is(ProcessState.STARTING)
        await scene.engine.become("api", healthy=True)
        assert "restarted api in" in await restart

    async def test_what_is_unhealthy_is_down_and_a_restart_that_ends_so_has_failed(
        self, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP, checked=True)
        await scene.engine.become("api", healthy=False)
        await scene.state_is(ProcessState.DOWN)
        restart = asyncio.create_task(scene.restarted())
        await scene.state_is(ProcessState.STARTING)
        await scene.engine.become("api", healthy=False)
        with pytest.raises(ActionFailed, match="down"):
            await restart

    async def test_what_ends_at_once_is_no_restart(self, scene: Scene) -> None:
        await scene.engine.run("api", BROKEN)
        with pytest.raises(ActionFailed, match="down"):
            await scene.restarted(up_for="2s")

    async def test_a_restart_loop_is_seen(self, scene: Scene) -> None:
        await scene.engine.run("api", BROKEN, restart=True)

        async def climbs() -> bool:
            return (await scene.api.status(scene.tools)).restarts > 1

        await until(climbs, "the engine restarts it again and again")
        with pytest.raises(ActionFailed):
            await scene.restarted(up_for="2s", timeout=4)

    async def test_a_stop_that_takes_its_whole_time_is_waited_for(self, scene: Scene) -> None:
        await scene.engine.run("api", STUBBORN, stop_timeout=1)
        assert "restarted api in" in await scene.restarted()

    @pytest.mark.parametrize("moment", [0.4, 0.9])
    async def test_a_restart_that_is_cancelled_at_any_moment_leaves_nothing_down(
        self, scene: Scene, moment: float
    ) -> None:
        await scene.engine.run("api", STUBBORN, stop_timeout=1)
        restart = asyncio.create_task(scene.api.restart(scene.tools))
        await asyncio.sleep(moment)
        restart.cancel()
        await asyncio.gather(restart, return_exceptions=True)
        await scene.state_is(ProcessState.UP)
        first = await scene.api.status(scene.tools)
        await asyncio.sleep(1.2)  # longer than a stop takes: what was begun has come to its end
        assert (await scene.api.status(scene.tools)).state is ProcessState.UP, first

    async def test_a_signal_reaches_the_program(self, scene: Scene) -> None:
        await scene.engine.run("api", ENDS_AT_USR2)

        async def has_ended() -> bool:
            with suppress(ManagerError):  # sent until the program handles it
                await scene.api.signal(scene.tools, "SIGUSR2")
            return (await scene.api.status(scene.tools)).state is ProcessState.DOWN

        await until(has_ended, "the program took it")
        with pytest.raises(ManagerError, match="not running") as caught:
            await scene.api.signal(scene.tools, "SIGUSR2")
        assert not caught.value.started

    async def test_its_memory_is_seen_while_it_runs(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP)
        await scene.state_is(ProcessState.UP)

        async def is_seen() -> bool:  # one that has only just been forked holds next to nothing
            return 1 << 20 < (await scene.api.resident_bytes(scene.tools) or 0) < 1 << 28

        await until(is_seen, "its memory is seen")
        await scene.engine.stop("api")
        assert await scene.api.resident_bytes(scene.tools) is None


class DockerTales(ContainerTales):
    """For those whose manager is `docker`."""

    async def test_who_is_not_there_is_missing_also_when_an_id_begins_so(
        self, scene: Scene
    ) -> None:
        await scene.engine.run("other", SLEEP)
        async with open_engine(scene.engine.url) as engine:
            found: Any = await engine.look("/containers/other/json")
        for name in ("api", found["Id"][:12]):
            manager = Docker(container=name, url=scene.engine.url)
            assert (await manager.status(scene.tools)).state is ProcessState.MISSING
            with pytest.raises(ManagerError, match="there is no container") as caught:
                await manager.restart(scene.tools)
            assert not caught.value.started

    async def test_a_receiver_that_dies_in_the_middle_leaves_nothing_down(
        self, scene: Scene
    ) -> None:
        await scene.engine.run("api", STUBBORN, stop_timeout=1)
        before = await scene.api.status(scene.tools)
        async with open_engine(scene.engine.url) as engine:
            with pytest.raises(ManagerError, match="no answer") as caught:
                await engine.order("/containers/api/restart", 0.3)  # and it hangs up
        assert caught.value.started
        await until(lambda: is_another(scene, before), "the engine has finished it")


class ComposeTales(ContainerTales):
    """For those whose manager is `compose`."""

    async def test_more_replicas_come_and_the_youngest_go_and_the_others_stay(
        self, scene: Scene
    ) -> None:
        await scene.engine.run("api", SLEEP)
        before = await scene.api.status(scene.tools)
        await scene.api.scale(scene.tools, 3)
        await scene.state_is(ProcessState.UP)
        more = await scene.api.status(scene.tools)
        assert (len(more.pids), await scene.api.instances(scene.tools)) == (3, 3)
        assert set(before.pids) < set(more.pids)
        await scene.api.scale(scene.tools, 1)
        assert (await scene.api.status(scene.tools)).pids == before.pids

    async def test_all_replicas_are_restarted(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP, replicas=2)
        before = await scene.api.status(scene.tools)
        assert "restarted api in" in await scene.restarted()
        after = await scene.api.status(scene.tools)
        assert not set(before.pids) & set(after.pids)
        assert len(after.pids) == 2

    async def test_one_replica_that_is_unhealthy_is_not_all_up(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP, replicas=2, checked=True)
        assert (await scene.api.status(scene.tools)).state is ProcessState.STARTING
        await scene.engine.become("api", healthy=False)
        await scene.state_is(ProcessState.DOWN)

    async def test_a_service_that_was_never_started_is_started(self, scene: Scene) -> None:
        await scene.engine.run("api", SLEEP, replicas=0)
        assert (await scene.api.status(scene.tools)).state is ProcessState.DOWN
        assert await scene.api.instances(scene.tools) == 0
        await scene.restarted()
        assert await scene.api.instances(scene.tools) == 1

    async def test_a_service_that_the_file_does_not_know_is_missing(self, scene: Scene) -> None:
        await scene.engine.run("other", SLEEP)
        assert (await scene.api.status(scene.tools)).state is ProcessState.MISSING
        for order in (scene.api.restart(scene.tools), scene.api.scale(scene.tools, 2)):
            with pytest.raises(ManagerError, match="has no service api") as caught:
                await order
            assert not caught.value.started

    async def test_a_receiver_that_dies_in_the_middle_leaves_nothing_down(
        self, scene: Scene
    ) -> None:
        await scene.engine.run("api", STUBBORN, replicas=2, stop_timeout=1)
        programs = replace(scene.tools, programs=KilledAt("restart", 0.5))
        with pytest.raises(ManagerError, match="took longer"):
            # its `docker` is killed, before or after it has asked the engine
            await scene.api.restart(programs)
        await asyncio.sleep(1.2)  # longer than a stop takes: what was begun has come to its end
        await scene.state_is(ProcessState.UP)
        assert await scene.api.instances(scene.tools) == 2
