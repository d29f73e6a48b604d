from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus
from receiver.managers.systemd import Systemd
from receiver.tools import Finished, OutsideError
from tests.receiver.managers.docker_tales import the_tools
from tests.receiver.managers.systemd_tales import API, BROKEN, SLEEP, Scene, SystemdTales
from tests.receiver.stand_ins import Ran, StandInPrograms, a_toolbox
from tests.servers.process import until
from tests.servers.systemd import Systemd as Manager
from tests.servers.systemd import systemd

QUIET = ("--no-pager", "--no-ask-password")
LOADED = "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=0\nCanReload=no\n"
NO_BUS = "System has not been booted with systemd as init system (PID 1). Can't operate.\nFailed to connect to bus: Host is down\n"


def notes(folder: Path) -> str:
    """A program that writes the signal it gets into `<folder>/got`, and says when it listens."""
    return (
        f"import pathlib, signal, time; folder = pathlib.Path({str(folder)!r})\n"
        "def note(number, frame): (folder / 'got').write_text(signal.Signals(number).name)\n"
        "signal.signal(signal.SIGUSR2, note); (folder / 'ready').touch(); time.sleep(600)"
    )


def shown(**facts: str) -> Finished:
    """What `systemctl show` prints."""
    whole = {"LoadState": "loaded", "ActiveState": "active", "MainPID": "7", **facts}
    return Finished(0, "".join(f"{name}={value}\n" for name, value in whole.items()))


async def status_of(ending: Finished | OutsideError) -> ProcessStatus:
    return await Systemd(unit=API).status(a_toolbox(programs=StandInPrograms(ending)))


@pytest_asyncio.fixture
async def services() -> AsyncIterator[Manager]:
    async with systemd() as started:
        yield started


@pytest_asyncio.fixture
async def scene(services: Manager) -> Scene:
    ours, strangers = (
        the_tools({"systemctl": str(client)}) for client in (services.executable, services.stranger)
    )
    return Scene(services, ours, strangers)


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
        (Finished(1, "sudo: a password is required\n"), False, r"50-prunella\.rules"),
        (
            Finished(1, "Sorry, user x is not allowed to execute '/usr/bin/systemctl'"),
            False,
            "sudo",
        ),
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
class TestAgainstTheStandIn(SystemdTales):
    async def test_a_systemd_that_hangs_costs_no_more_than_the_time_given(
        self, services: Manager, scene: Scene
    ) -> None:
        await services.start(API, SLEEP)
        services.awake.clear()
        with pytest.raises(ActionFailed, match=r"no end within 0\.5 s"):
            await scene.restarted(timeout=0.5)

    async def test_a_slow_systemd_is_waited_for(self, services: Manager, scene: Scene) -> None:
        await services.start(API, SLEEP)
        services.delay = 0.3
        assert "restarted api" in await scene.restarted()

    async def test_denied_access_is_no_rights_either(self, services: Manager, scene: Scene) -> None:
        await services.start(API, SLEEP)
        services.access = "Access denied"
        with pytest.raises(ManagerError, match=r"50-prunella\.rules"):
            await scene.api.restart(scene.strangers)

    async def test_nothing_but_looks_and_the_order_is_asked_for(
        self, services: Manager, scene: Scene
    ) -> None:
        unit = await services.start(API, BROKEN, restart=True, burst=3, restart_sec=0.01)
        await scene.state_is(ProcessState.DOWN)
        with pytest.raises(ManagerError, match="start-limit-hit"):
            await scene.api.restart(scene.tools)
        assert unit.result == "exit-code"
        assert {order["words"][0] for order in services.orders} == {"show", "restart"}

    async def test_the_receiver_itself_is_left_alone(self, services: Manager, scene: Scene) -> None:
        unit = await services.start(API, SLEEP)
        tools = replace(scene.tools, ourselves=frozenset({unit.pid}))
        with pytest.raises(ManagerError, match="is the receiver itself") as caught:
            await scene.api.restart(tools)
        assert not caught.value.started
        assert psutil.pid_exists(unit.pid)

    async def test_a_signal_reaches_who_handles_it_and_nobody_else(
        self, services: Manager, scene: Scene, tmp_path: Path
    ) -> None:
        unit = await services.start(API, notes(tmp_path))
        await until((tmp_path / "ready").exists, "it listens")
        await scene.api.signal(scene.tools, "SIGUSR2")
        await until((tmp_path / "got").exists, "the signal came")
        with pytest.raises(ManagerError, match="does not handle SIGUSR1") as caught:
            await scene.api.signal(scene.tools, "SIGUSR1")
        assert not caught.value.started
        assert psutil.pid_exists(unit.pid)

    async def test_what_does_not_run_gets_no_signal(self, services: Manager, scene: Scene) -> None:
        await services.define(API, SLEEP)
        with pytest.raises(ManagerError, match="has no main process"):
            await scene.api.signal(scene.tools, "SIGUSR2")

    async def test_memory_is_that_of_the_main_process(
        self, services: Manager, scene: Scene
    ) -> None:
        await services.start(API, SLEEP)
        seen = await scene.api.resident_bytes(scene.tools)
        assert seen is not None
        assert 1 << 20 < seen < 1 << 27
