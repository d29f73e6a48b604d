from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import PrivateAttr

from prunella.service.clock import SystemClock
from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.actions.restart import Restart
from receiver.managers.base import Manager, ManagerError, ProcessState, ProcessStatus
from receiver.managers.pm2 import Pm2
from receiver.managers.supervisor import Supervisor
from receiver.outside.programs import SystemPrograms
from receiver.tools import Tools
from tests.receiver.actions.effects import a_target, an_effect
from tests.receiver.stand_ins import StandInHttp, SteppedClock, a_toolbox
from tests.servers.pm2 import pm2
from tests.servers.process import until
from tests.servers.supervisor import supervisord


def up(*pids: int, since: float = 100.0, restarts: int = 0) -> ProcessStatus:
    return ProcessStatus(ProcessState.UP, since, pids, restarts)


STARTING = ProcessStatus(ProcessState.STARTING)
DOWN = ProcessStatus(ProcessState.DOWN)
MISSING = ProcessStatus(ProcessState.MISSING)
Script = Callable[[float], ProcessStatus | ManagerError]


class ScriptedManager(Manager):
    """Looks as `before` says until it is restarted, and then as `after` says, by the seconds since."""

    _before: Script = PrivateAttr(default_factory=lambda: lambda _: up(1))
    _after: Script = PrivateAttr(default_factory=lambda: lambda _: up(2))
    _refusal: ManagerError | None = PrivateAttr(default=None)
    _began: float | None = PrivateAttr(default=None)
    _restarted_at: list[float] = PrivateAttr(default_factory=list)

    @property
    def restarts(self) -> int:
        return len(self._restarted_at)

    async def status(self, tools: Tools) -> ProcessStatus:
        now = tools.clock.monotonic()
        self._began = now if self._began is None else self._began
        if self._restarted_at:
            status = self._after(now - self._restarted_at[-1])
        else:
            status = self._before(now - self._began)
        if isinstance(status, ManagerError):
            raise status
        return status

    async def restart(self, tools: Tools) -> None:
        if self._refusal is not None:
            raise self._refusal
        self._restarted_at.append(tools.clock.monotonic())


def scripted(
    *,
    before: Script | ProcessStatus | ManagerError | None = None,
    after: Script | ProcessStatus | None = None,
    refusal: ManagerError | None = None,
) -> ScriptedManager:
    manager = ScriptedManager()
    manager._refusal = refusal
    if before is not None:
        manager._before = before if callable(before) else lambda _: before
    if after is not None:
        manager._after = after if callable(after) else lambda _: after
    return manager


async def restart(
    manager: Manager, *, timeout: float = 60.0, clock: SteppedClock | None = None
) -> str:
    effect = an_effect(a_target(process=manager), timeout=timeout)
    return (await Restart().run(effect, a_toolbox(clock=clock))).text


async def test_it_says_what_was_replaced_by_what() -> None:
    manager = scripted(after=lambda age: up(2, since=200) if age >= 1.2 else STARTING)
    assert await restart(manager) == "restarted shop in 1.5 s: pid 1 → 2"
    assert manager.restarts == 1


async def test_it_looks_until_the_process_stayed_up_long_enough() -> None:
    clock = SteppedClock(now=0)
    await restart(scripted(), clock=clock)
    assert clock.monotonic() == pytest.approx(10)


async def test_the_same_second_and_another_pid_is_a_new_process() -> None:
    assert "pid 1 → 2" in await restart(scripted(before=up(1, since=5), after=up(2, since=5)))


async def test_the_old_process_still_up_is_not_a_restart() -> None:
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(after=up(1)))


async def test_a_pid_that_is_used_again_is_a_new_process_when_the_manager_counted_it() -> None:
    assert "pid 7 → 7" in await restart(scripted(before=up(7), after=up(7, restarts=1)))
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(before=up(7, 8), after=up(7, 8, restarts=1)))


async def test_a_start_that_is_reckoned_anew_at_each_look_is_still_the_same_process() -> None:
    assert "pid 1 → 2" in await restart(scripted(after=lambda age: up(2, since=200 + age / 1000)))


async def test_every_instance_has_to_be_new() -> None:
    with pytest.raises(ActionTimedOut, match="did not come up"):
        await restart(scripted(before=up(1, 2), after=up(2, 3, since=300)))


async def test_a_start_up_grace_is_not_a_failure() -> None:
    manager = scripted(after=lambda age: up(2) if age > 30 else STARTING)
    assert "restarted shop in 30.5 s" in await restart(manager)


async def test_what_was_down_is_started() -> None:
    assert "pid none → 2" in await restart(scripted(before=DOWN))


async def test_what_is_down_after_the_restart_has_failed() -> None:
    with pytest.raises(ActionFailed, match="after the restart it is down") as caught:
        await restart(scripted(after=DOWN))
    assert caught.value.started
    assert not isinstance(caught.value, ActionTimedOut)


@pytest.mark.parametrize(
    ("then", "said"), [(DOWN, "down"), (STARTING, "starting"), (up(3), "restarted")]
)
async def test_a_process_that_does_not_stay_up_has_failed(then: ProcessStatus, said: str) -> None:
    manager = scripted(after=lambda age: up(2) if age < 4 else then)
    with pytest.raises(ActionFailed, match=rf"it came up and was {said} within 4\.\d s"):
        await restart(manager)
    assert manager.restarts == 1


async def test_one_crashed_instance_of_two_is_noticed() -> None:
    manager = scripted(before=up(1, 2), after=lambda age: up(3, 4) if age < 4 else up(3, 5))
    with pytest.raises(ActionFailed, match="was restarted"):
        await restart(manager)


async def test_a_crash_after_it_stayed_up_is_not_this_actions() -> None:
    await restart(scripted(after=lambda age: up(2) if age <= 10 else DOWN))


async def test_i18_the_receiver_never_restarts_itself() -> None:
    manager = scripted(before=up(7, 70))
    tools = replace(a_toolbox(), ourselves=frozenset({70, 700}))
    with pytest.raises(ActionFailed, match="is the receiver itself") as refused:
        await Restart().run(an_effect(target=a_target(process=manager)), tools)
    assert not refused.value.started
    assert manager.restarts == 0


async def test_what_the_manager_does_not_know_was_not_touched() -> None:
    manager = scripted(before=MISSING)
    with pytest.raises(ActionFailed, match="knows no such process") as caught:
        await restart(manager)
    assert not caught.value.started
    assert manager.restarts == 0


async def test_a_manager_that_cannot_be_asked_was_not_touched() -> None:
    manager = scripted(before=ManagerError("cannot reach it"))
    with pytest.raises(ActionFailed, match="shop: cannot reach it") as caught:
        await restart(manager)
    assert not caught.value.started


@pytest.mark.parametrize("started", [True, False])
async def test_a_refusal_says_whether_it_may_have_begun(started: bool) -> None:
    with pytest.raises(ActionFailed, match="shop: no") as caught:
        await restart(scripted(refusal=ManagerError("no", started=started)))
    assert caught.value.started is started


async def test_a_manager_that_is_silent_for_a_moment_is_asked_again() -> None:
    def script(age: float) -> ProcessStatus | ManagerError:
        return ManagerError("busy") if age < 3 or 5 < age < 6 else up(2)

    assert "pid 1 → 2" in await restart(scripted(after=script))


async def test_a_restart_by_somebody_else_is_waited_for_and_not_doubled() -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else up(9))
    assert await restart(manager) == "shop was being restarted already: pid 9"
    assert manager.restarts == 0


@pytest.mark.parametrize("then", [DOWN, STARTING])
async def test_a_restart_by_somebody_else_that_fails_is_done_again(then: ProcessStatus) -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else then)
    assert "pid none → 2" in await restart(manager)
    assert manager.restarts == 1


async def test_a_restart_by_somebody_else_that_does_not_hold_is_done_again() -> None:
    manager = scripted(before=lambda age: STARTING if age < 5 else up(9) if age < 8 else STARTING)
    await restart(manager)
    assert manager.restarts == 1


async def test_time_ends_it() -> None:
    clock = SteppedClock(now=0)
    with pytest.raises(ActionTimedOut, match="did not come up in time"):
        await restart(scripted(after=STARTING), timeout=20, clock=clock)
    assert clock.monotonic() == pytest.approx(20, abs=1)


async def test_a_manager_that_never_answers_is_ended_at_the_timeout() -> None:
    class Silent(Manager):
        async def status(self, tools: Tools) -> ProcessStatus:
            await asyncio.sleep(60)
            return DOWN

    with pytest.raises(ActionTimedOut, match=r"no end within 0\.05 s"):
        await restart(Silent(), timeout=0.05)


async def test_a_target_without_a_process_was_not_touched() -> None:
    with pytest.raises(ActionFailed) as caught:
        await Restart().run(an_effect(a_target()), a_toolbox())
    assert not caught.value.started


def test_its_promises() -> None:
    action = Restart()
    assert action.idempotent
    assert action.disruptive
    assert action.needs() == "process"
    assert action.executables(a_target(process=Pm2(name="x"))) == ("pm2",)
    assert action.executables(a_target(process=Supervisor(name="x"))) == ()
    assert Restart.model_validate({"up_for": "1m"}).up_for == 60


def sleeper(folder: Path) -> list[str]:
    """Sleeps, or crashes at once while `folder/broken` exists."""
    code = f"import pathlib, time; assert not pathlib.Path({str(folder / 'broken')!r}).exists(); time.sleep(600)"
    return [sys.executable, "-c", code]


def real_tools(**executables: str) -> Tools:
    return Tools(
        clock=SystemClock(),
        http=StandInHttp(),
        programs=SystemPrograms(),
        executables=executables,
    )


async def until_up(manager: Manager) -> None:
    async def is_up() -> bool:
        return (await manager.status(real_tools())).state is ProcessState.UP

    await until(is_up, "it is up")


@pytest.mark.server
class TestUnderARealSupervisord:
    async def test_it_heals_and_says_so(self, tmp_path: Path) -> None:
        async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, startsecs="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            await until_up(manager)
            effect = an_effect(a_target(process=manager))
            said = await Restart.model_validate({"up_for": "600ms"}).run(effect, real_tools())
        assert said.text.startswith("restarted shop in ")

    async def test_a_crash_loop_is_not_a_success(self, tmp_path: Path) -> None:
        options = {"startsecs": "1", "startretries": "1"}
        async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, **options) as server:
            manager = Supervisor(name="shop", url=server.url)
            await until_up(manager)
            (tmp_path / "broken").touch()
            with pytest.raises(ActionFailed, match="after the restart it is down"):
                await Restart().run(an_effect(a_target(process=manager)), real_tools())

    async def test_without_supervisord_it_may_be_tried_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            manager = Supervisor(name="shop", url=f"unix://{folder}/s.sock")
            with pytest.raises(ActionFailed, match="cannot reach") as caught:
                await Restart().run(an_effect(a_target(process=manager)), real_tools())
        assert not caught.value.started


@pytest.mark.server
@pytest.mark.timeout(240)  # the first run fetches PM2
class TestUnderARealPm2:
    async def test_it_heals_and_says_so(self, tmp_path: Path) -> None:
        async with pm2(tmp_path) as server:
            await server.start("shop", sleeper(tmp_path), instances=2)
            effect = an_effect(a_target(process=Pm2(name="shop", home=server.home)))
            said = await Restart.model_validate({"up_for": "1s"}).run(
                effect, real_tools(pm2=str(server.executable))
            )
        assert said.text.startswith("restarted shop in ")
        assert said.text.count(",") == 2

    async def test_a_crash_loop_is_not_a_success(self, tmp_path: Path) -> None:
        async with pm2(tmp_path) as server:
            await server.start("shop", sleeper(tmp_path), max_restarts=3)
            (tmp_path / "broken").touch()
            effect = an_effect(a_target(process=Pm2(name="shop", home=server.home)))
            with pytest.raises(ActionFailed, match=r"after the restart it is|it came up and was"):
                await Restart().run(effect, real_tools(pm2=str(server.executable)))
