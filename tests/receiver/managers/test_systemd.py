from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from signal import SIGHUP

import psutil
import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from receiver.actions.base import ActionFailed
from receiver.actions.restart import Restart
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus
from receiver.managers.systemd import Systemd
from receiver.outside.programs import SystemPrograms
from receiver.targets import Target
from receiver.tools import Finished, OutsideError, Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import Ran, StandInHttp, StandInPrograms, a_toolbox
from tests.servers.process import until
from tests.servers.systemd import Systemd as Manager
from tests.servers.systemd import Unit, systemd

API = "api.service"
SLEEP = [sys.executable, "-Sc", "import time; time.sleep(600)"]
BROKEN = [sys.executable, "-Sc", "raise SystemExit(3)"]
QUIET = ("--no-pager", "--no-ask-password")
LOADED = "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=0\nCanReload=no\n"
NO_BUS = "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n"


def notes(folder: Path) -> list[str]:
    """A program that writes every signal it gets into `<folder>/got`, and says when it listens."""
    code = (
        "import pathlib, signal, sys, time; folder = pathlib.Path(sys.argv[1])\n"
        "def note(number, frame):\n    (folder / 'got').write_text(signal.Signals(number).name)\n"
        "signal.signal(signal.SIGUSR2, note); signal.signal(signal.SIGHUP, note)\n"
        "(folder / 'ready').touch(); time.sleep(600)"
    )
    return [sys.executable, "-Sc", code, str(folder)]


def shown(**facts: str) -> Finished:
    """What `systemctl show` prints."""
    whole = {"LoadState": "loaded", "ActiveState": "active", "MainPID": "7", **facts}
    return Finished(0, "".join(f"{name}={value}\n" for name, value in whole.items()))


async def status_of(ending: Finished | OutsideError) -> ProcessStatus:
    return await Systemd(unit=API).status(a_toolbox(programs=StandInPrograms(ending)))


@dataclass(frozen=True)
class Scene:
    systemd: Manager
    tools: Tools
    api: Systemd

    async def state_is(self, state: ProcessState) -> None:
        async def is_so() -> bool:
            return (await self.api.status(self.tools)).state is state

        await until(is_so, f"the service is {state}")

    async def restarted(self, up_for: str = "100ms", timeout: float = 10.0) -> str:
        """By the action that playbooks use."""
        target = Target(name="api", process=self.api)
        effect = replace(an_effect(target), timeout=timeout)
        return (await Restart.model_validate({"up_for": up_for}).run(effect, self.tools)).text


@asynccontextmanager
async def a_systemd() -> AsyncIterator[Scene]:
    async with systemd() as server:
        tools = Tools(
            clock=SystemClock(),
            http=StandInHttp(),
            programs=SystemPrograms(grace=0.2),
            executables={"systemctl": str(server.executable)},
        )
        yield Scene(server, tools, Systemd(unit=API))


@pytest.mark.parametrize(
    "unit",
    [
        *("", " ", "-H host", "--host=evil", "-x.service", "a b.service", "api.service,x", "a\nb", "a\0"),
        *("*.service", "api-?.service", "api[1].service", "worker@.service", "../a.service", "a/b"),
        *("$(id).service", "a;b.service", "a" * 260),
    ],
)  # fmt: skip
def test_what_is_not_the_name_of_one_service_is_refused(unit: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one service"):
        Systemd(unit=unit)


@pytest.mark.parametrize(
    "unit", ["multi-user.target", "user.slice", "init.scope", "docker.socket", "-.mount", "x.timer"]
)
def test_other_kinds_of_units_are_refused(unit: str) -> None:
    with pytest.raises(ValidationError, match="must be a service"):
        Systemd(unit=unit)


@pytest.mark.parametrize(
    "unit",
    [
        *("systemd-journald.service", "systemd-networkd", "dbus.service", "dbus-broker", "polkit"),
        *("ssh", "sshd.service", "getty@tty1.service", "user@1000.service", "NetworkManager"),
    ],
)
def test_what_the_machine_depends_on_is_refused(unit: str) -> None:
    with pytest.raises(ValidationError, match="the machine itself depends on"):
        Systemd(unit=unit)


@pytest.mark.parametrize(
    ("unit", "name"),
    [("api", API), (API, API), ("worker@2.service", "worker@2.service"), ("a.b", "a.b.service")],
)
def test_a_service_is_named_with_or_without_its_ending(unit: str, name: str) -> None:
    assert Systemd(unit=unit).unit == name


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({"ActiveState": "active"}, ProcessState.UP),
        ({"ActiveState": "reloading"}, ProcessState.UP),
        ({"ActiveState": "activating", "SubState": "start"}, ProcessState.STARTING),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, ProcessState.STARTING),
        ({"ActiveState": "deactivating"}, ProcessState.STARTING),
        ({"ActiveState": "inactive", "Job": "812"}, ProcessState.STARTING),
        ({"ActiveState": "inactive"}, ProcessState.DOWN),
        ({"ActiveState": "failed", "Result": "start-limit-hit"}, ProcessState.DOWN),
        ({"ActiveState": "inactive", "LoadState": "masked"}, ProcessState.DOWN),
        ({"ActiveState": "inactive", "LoadState": "not-found"}, ProcessState.MISSING),
        ({"ActiveState": "active", "LoadState": "not-found"}, ProcessState.UP),
        ({"ActiveState": "maintenance"}, ProcessState.DOWN),
    ],
)
async def test_systemds_words_are_ours(facts: dict[str, str], state: ProcessState) -> None:
    assert (await status_of(shown(**facts))).state is state


async def test_a_service_that_is_up_says_since_when() -> None:
    status = await status_of(shown(ExecMainStartTimestampMonotonic="2500000", NRestarts="3"))
    assert status == ProcessStatus(ProcessState.UP, psutil.boot_time() + 2.5, (7,), 3)


async def test_a_service_without_a_main_process_says_when_it_became_active() -> None:
    facts = {"MainPID": "0", "ExecMainStartTimestampMonotonic": "0"}
    status = await status_of(shown(**facts, ActiveEnterTimestampMonotonic="1000000"))
    assert (status.pids, status.started_at) == ((), psutil.boot_time() + 1)


@pytest.mark.parametrize(
    ("ending", "said"),
    [
        (Finished(1, NO_BUS), "cannot reach systemd: Failed to connect to bus"),
        (Finished(None, ""), "no answer within 10 s"),
        (Finished(0, "hello"), "`systemctl show`: hello"),
        (Finished(127, "sudo: a password is required\n"), "a password is required"),
        (OutsideError("cannot start systemctl", sent=False), "cannot start systemctl"),
    ],
)
async def test_a_look_that_fails_changed_nothing(
    ending: Finished | OutsideError, said: str
) -> None:
    with pytest.raises(ManagerError, match=said) as caught:
        await status_of(ending)
    assert not caught.value.started


async def test_systemctl_is_asked_for_one_unit_and_nothing_else() -> None:
    programs = StandInPrograms(shown())
    tools = a_toolbox(programs=programs, executables={"systemctl": "/bin/systemctl"})
    await Systemd(unit="api").restart(tools)
    look, order = programs.ran
    assert look.argv[:3] == ("/bin/systemctl", *QUIET)
    assert look.argv[3].startswith("--property=LoadState,ActiveState,SubState,Job,MainPID,")
    assert look.argv[4:] == ("show", API)
    assert order == Ran(("/bin/systemctl", *QUIET, "restart", API), 90.0, {"LC_ALL": "C"})


async def test_a_units_own_user_manager_is_found_by_its_runtime_folder() -> None:
    programs = StandInPrograms(shown())
    await Systemd(unit="api", user=True).restart(a_toolbox(programs=programs))
    assert programs.ran[1].argv == ("systemctl", "--user", *QUIET, "restart", API)
    assert programs.ran[1].env["XDG_RUNTIME_DIR"].startswith("/run/user/")


@pytest.mark.parametrize(
    ("ending", "started", "said"),
    [
        (Finished(5, f"Failed to restart {API}: Unit {API} not found.\n"), False, "not found"),
        (Finished(1, f"Failed to restart {API}: Unit {API} is masked.\n"), False, "unmask api"),
        (Finished(3, "Job type reload is not applicable"), False, "not applicable"),
        (Finished(1, NO_BUS), False, "cannot reach systemd"),
        (Finished(1, "Failed to restart api.service: Connection timed out\n"), True, "timed out"),
        (Finished(None, ""), True, "did not end within 90 s"),
        (OutsideError("cannot start systemctl", sent=False), False, "cannot start"),
    ],
)
async def test_a_restart_says_whether_it_may_have_begun(
    ending: Finished | OutsideError, started: bool, said: str
) -> None:
    def answer(ran: Ran) -> Finished | OutsideError:
        return shown() if "show" in ran.argv else ending

    with pytest.raises(ManagerError, match=said) as caught:
        await Systemd(unit=API).restart(a_toolbox(programs=StandInPrograms(answer)))
    assert caught.value.started is started


async def test_memory_that_only_systemd_sees_is_what_it_counts() -> None:
    for counted, seen in (("4096", 4096), ("[not set]", None), (str(2**64 - 1), None)):
        programs = StandInPrograms(shown(MainPID="0", MemoryCurrent=counted))
        assert await Systemd(unit=API).resident_bytes(a_toolbox(programs=programs)) == seen


@pytest.mark.server
class TestWithServicesThatRun:
    async def test_a_restart_is_a_new_process_and_only_its_own(self) -> None:
        async with a_systemd() as scene:
            await scene.systemd.start(API, SLEEP)
            other = await scene.systemd.start("other.service", SLEEP)
            bystander = other.pid
            before = await scene.api.status(scene.tools)
            said = await scene.restarted()
            after = await scene.api.status(scene.tools)
            assert "restarted api in" in said
            assert psutil.pid_exists(after.pids[0])
            assert not psutil.pid_exists(before.pids[0])
            assert before.started_at is not None
            assert after.started_at is not None
            assert time.time() + 1 > after.started_at > before.started_at
            assert other.pid == bystander

    async def test_it_may_be_restarted_again_at_once(self) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, SLEEP)
            await asyncio.gather(scene.api.restart(scene.tools), scene.api.restart(scene.tools))
            await scene.state_is(ProcessState.UP)
            assert psutil.pid_exists(unit.pid)

    async def test_what_is_stopped_is_started(self) -> None:
        async with a_systemd() as scene:
            scene.systemd.units[API] = Unit(SLEEP)
            assert (await scene.api.status(scene.tools)).state is ProcessState.DOWN
            await scene.restarted()

    async def test_a_unit_that_systemd_does_not_know_is_missing(self) -> None:
        async with a_systemd() as scene:
            assert (await scene.api.status(scene.tools)).state is ProcessState.MISSING
            assert not await scene.api.exists(scene.tools)
            with pytest.raises(ManagerError, match=r"knows no api\.service") as caught:
                await scene.api.restart(scene.tools)
            assert not caught.value.started

    async def test_a_start_up_grace_is_waited_for(self, tmp_path: Path) -> None:
        async with a_systemd() as scene:
            ready = tmp_path / "ready"
            ready.touch()
            await scene.systemd.start(API, SLEEP, ready=ready)
            ready.unlink()
            restart = asyncio.create_task(scene.restarted())
            await scene.state_is(ProcessState.STARTING)
            assert not restart.done()
            ready.touch()
            assert "restarted api" in await restart

    async def test_a_service_that_ends_at_once_is_no_restart(self) -> None:
        async with a_systemd() as scene:
            scene.systemd.units[API] = Unit(BROKEN)
            with pytest.raises(ActionFailed, match=r"down|did not come up"):
                await scene.restarted(timeout=3)

    async def test_a_restart_loop_is_seen(self) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, BROKEN, restart=True, burst=99)
            await until(lambda: unit.restarts > 1, "it was restarted by systemd twice")
            assert (await scene.api.status(scene.tools)).restarts > 1
            with pytest.raises(ActionFailed):
                await scene.restarted(timeout=3)

    async def test_the_limit_of_starts_is_kept_and_its_cure_said(self) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, BROKEN, restart=True, burst=3, restart_sec=0.01)
            await until(lambda: unit.active == "failed", "systemd has given up", every=0.2)
            with pytest.raises(ManagerError, match="systemctl reset-failed api") as caught:
                await scene.api.restart(scene.tools)
            assert "start-limit-hit, 3 starts in 10s" in str(caught.value)
            assert unit.result == "exit-code"
            assert {order["words"][0] for order in scene.systemd.orders} == {"show", "restart"}

    async def test_without_permission_the_line_that_gives_it_is_said(self) -> None:
        for access in ("Interactive authentication required.", "Access denied"):
            async with a_systemd() as scene:
                unit = await scene.systemd.start(API, SLEEP)
                pid, scene.systemd.access = unit.pid, access
                with pytest.raises(ManagerError, match=r"50-prunella\.rules") as caught:
                    await scene.api.restart(scene.tools)
                command = f"NOPASSWD: /usr/bin/systemctl {' '.join(QUIET)} restart {API}"
                assert str(caught.value).endswith(command)
                assert (caught.value.started, unit.pid) == (False, pid)

    async def test_a_systemd_that_hangs_costs_no_more_than_the_time_given(self) -> None:
        async with a_systemd() as scene:
            await scene.systemd.start(API, SLEEP)
            scene.systemd.awake.clear()
            with pytest.raises(ActionFailed, match=r"no end within 0\.5 s"):
                await scene.restarted(timeout=0.5)

    async def test_a_slow_systemd_is_waited_for(self) -> None:
        async with a_systemd() as scene:
            await scene.systemd.start(API, SLEEP)
            scene.systemd.delay = 0.3
            assert "restarted api" in await scene.restarted()

    async def test_a_restart_that_is_cancelled_goes_on_in_systemd(self, tmp_path: Path) -> None:
        async with a_systemd() as scene:
            ready = tmp_path / "ready"
            ready.touch()
            unit = await scene.systemd.start(API, SLEEP, ready=ready)
            before = unit.pid
            ready.unlink()
            restart = asyncio.create_task(scene.api.restart(scene.tools))
            await scene.state_is(ProcessState.STARTING)
            restart.cancel()
            with pytest.raises(asyncio.CancelledError):
                await restart
            ready.touch()
            await scene.state_is(ProcessState.UP)
            assert unit.pid != before

    async def test_the_receiver_itself_is_left_alone(self) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, SLEEP)
            tools = replace(scene.tools, ourselves=frozenset({unit.pid}))
            with pytest.raises(ManagerError, match="is the receiver itself") as caught:
                await scene.api.restart(tools)
            assert not caught.value.started
            assert psutil.pid_exists(unit.pid)

    async def test_a_reload_keeps_the_process_where_the_unit_has_one(self, tmp_path: Path) -> None:
        async with a_systemd() as scene:
            argv = notes(tmp_path)
            unit = await scene.systemd.start(
                API, argv, ready=tmp_path / "ready", reload_signal=SIGHUP
            )
            before = unit.pid
            assert await scene.api.zero_downtime(scene.tools)
            await scene.api.reload(scene.tools)
            await until((tmp_path / "got").exists, "the signal came")
            assert ((tmp_path / "got").read_text(), unit.pid) == ("SIGHUP", before)

    async def test_without_one_a_reload_is_a_restart(self) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, SLEEP)
            before = unit.pid
            assert not await scene.api.zero_downtime(scene.tools)
            await scene.api.reload(scene.tools)
            assert unit.pid != before

    async def test_a_signal_reaches_who_handles_it_and_nobody_else(self, tmp_path: Path) -> None:
        async with a_systemd() as scene:
            unit = await scene.systemd.start(API, notes(tmp_path), ready=tmp_path / "ready")
            await scene.api.signal(scene.tools, "SIGUSR2")
            await until((tmp_path / "got").exists, "the signal came")
            with pytest.raises(ManagerError, match="does not handle SIGUSR1") as caught:
                await scene.api.signal(scene.tools, "SIGUSR1")
            assert not caught.value.started
            assert psutil.pid_exists(unit.pid)

    async def test_what_does_not_run_gets_no_signal(self) -> None:
        async with a_systemd() as scene:
            scene.systemd.units[API] = Unit(SLEEP)
            with pytest.raises(ManagerError, match="has no main process"):
                await scene.api.signal(scene.tools, "SIGUSR2")

    async def test_memory_is_that_of_the_main_process(self) -> None:
        async with a_systemd() as scene:
            await scene.systemd.start(API, SLEEP)
            seen = await scene.api.resident_bytes(scene.tools)
            assert seen is not None
            assert 1 << 20 < seen < 1 << 27
