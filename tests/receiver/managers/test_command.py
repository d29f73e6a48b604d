from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed, ActionTimedOut
from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.command import Command
from receiver.outside.survivors import ProcessTable
from receiver.targets import Target
from receiver.tools import Finished, OutsideError, Tools
from tests.receiver.actions.effects import a_target
from tests.receiver.actions.real import do, in_another_receiver, real_tools
from tests.receiver.stand_ins import Ran, StandInPrograms, a_toolbox
from tests.servers.process import until

WHOLE: dict[str, Any] = {
    "restart": ["/opt/restart", "api"],
    "reload": ["/opt/reload", "api"],
    "status": ["look", "api"],
    "scale": ["/opt/scale", "api", "{instances}"],
}


def command(**changes: Any) -> Command:
    return Command.model_validate({**WHOLE, **changes})


def toolbox(ending: Finished | OutsideError) -> tuple[Tools, StandInPrograms]:
    programs = StandInPrograms(ending)
    return a_toolbox(programs=programs, executables={"look": "/usr/local/bin/look"}), programs


@pytest.mark.parametrize(
    ("output", "pids"),
    [
        ("4711\n", (4711,)),
        ("4711 4712", (4711, 4712)),
        (" 4711, 4712 \nmore", (4711, 4712)),
        *((text, ()) for text in ("", "up", "\n4711", "pid 4711", "0", "-4", "4711x", "9" * 9)),
    ],
)
async def test_status_is_an_exit_code_and_maybe_pids(output: str, pids: tuple[int, ...]) -> None:
    tools, programs = toolbox(Finished(0, output))
    status = await command().status(tools)
    assert (status.state, status.pids) == (ProcessState.UP, pids)
    assert programs.ran == [Ran(("/usr/local/bin/look", "api"), 10.0, {"PRUNELLA_MAY_STAY": "1"})]
    assert await command().instances(tools) == (len(pids) or None)


@pytest.mark.parametrize("code", [1, 3, 127, -9])
async def test_any_other_exit_code_is_down(code: int) -> None:
    tools, _ = toolbox(Finished(code, "4711"))
    status = await command().status(tools)
    assert (status.state, status.pids) == (ProcessState.DOWN, ())


@pytest.mark.parametrize(
    ("ending", "why"),
    [
        (Finished(None, ""), "`status` had no end in 10 s"),
        (OutsideError("cannot start it", sent=False), "must be a program that we may start"),
        (OutsideError("lost", sent=True), "lost"),
    ],
)
async def test_a_look_that_fails_says_nothing_and_changed_nothing(
    ending: Finished | OutsideError, why: str
) -> None:
    with pytest.raises(ManagerError, match=why) as caught:
        await command().status(toolbox(ending)[0])
    assert not caught.value.started


async def test_every_order_is_the_configs_and_the_number_is_an_argument_of_its_own() -> None:
    tools, programs = toolbox(Finished(0, ""))
    await command().restart(tools)
    await command().reload(tools)
    await command().scale(tools, 3)
    assert [ran.argv for ran in programs.ran] == [
        ("/opt/restart", "api"),
        ("/opt/reload", "api"),
        ("/opt/scale", "api", "3"),
    ]


@pytest.mark.parametrize(
    ("ending", "started", "why"),
    [
        (Finished(3, "no disk\n"), True, "`restart` ended with 3: no disk"),
        (Finished(None, "token=c4nary"), True, "`restart` was ended after 300 s"),
        (OutsideError("cannot start /opt/restart", sent=False), False, "cannot start"),
    ],
)
async def test_an_order_says_whether_it_may_have_begun(
    ending: Finished | OutsideError, started: bool, why: str
) -> None:
    with pytest.raises(ManagerError, match=why) as caught:
        await command().restart(toolbox(ending)[0])
    assert caught.value.started is started
    assert "c4nary" not in str(caught.value)


async def test_what_is_not_configured_is_never_run() -> None:
    tools, programs = toolbox(Finished(0, ""))
    bare = Command.model_validate({"status": ["/opt/status"]})
    for order in (bare.restart, bare.reload):
        with pytest.raises(ManagerError, match="has no `") as caught:
            await order(tools)
        assert not caught.value.started
    with pytest.raises(ManagerError, match="has no `scale`"):
        await bare.scale(tools, 2)
    assert programs.ran == []
    assert "has no `reload`" in str(bare.objection("reload"))
    assert "cannot signal" in str(bare.objection("signal"))
    assert command().objection("reload") is None


def test_its_programs_are_looked_for_at_start() -> None:
    assert command().programs() == ("/opt/restart", "/opt/reload", "/opt/scale", "look")
    assert Command.model_validate({"restart": ["r"]}).programs() == ("r",)


def test_its_keys_are_written_as_they_are_read() -> None:
    target = Target.model_validate({"name": "t", "process": {"manager": "command", **WHOLE}})
    written = target.model_dump(mode="json")["process"]
    assert {key: written[key] for key in WHOLE} == WHOLE
    with pytest.raises(ValidationError):
        Command.model_validate({"restart_argv": ["/opt/restart"]})


SERVICE = """\
import os, pathlib, signal, subprocess, sys, time
folder, verb, *rest = sys.argv[1:]
pids = pathlib.Path(folder, "pids")
def alive(pid):
    return os.path.exists(f"/proc/{pid}") and open(f"/proc/{pid}/stat").read().split()[2] != "Z"
running = [pid for pid in (pids.read_text().split() if pids.exists() else []) if alive(pid)]
def start():
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    return str(subprocess.Popen(sleep, start_new_session=True, stdout=-3, stderr=-3).pid)
if verb == "status":
    print(*running)
    sys.exit(0 if running else 3)
if verb == "restart":
    for pid in running:
        os.kill(int(pid), signal.SIGKILL)
    pids.write_text("")
    time.sleep(float(rest[0]))
    running = [start()]
if verb == "scale":
    for pid in running[int(rest[0]):]:
        os.kill(int(pid), signal.SIGKILL)
    running = running[:int(rest[0])]
    running += [start() for _ in range(int(rest[0]) - len(running))]
pids.write_text(" ".join(running))
"""


@pytest.mark.server
class TestWithRealPrograms:
    """A service of the operator's own: a script that starts, stops and looks."""

    @pytest.fixture
    def service(self, tmp_path: Path) -> Any:
        script = tmp_path / "service.py"
        script.write_text(SERVICE)
        yield tmp_path
        for pid in (tmp_path / "pids").read_text().split() if (tmp_path / "pids").exists() else []:
            if psutil.pid_exists(int(pid)):
                os.kill(int(pid), signal.SIGKILL)

    def argv(self, folder: Path, *words: str) -> list[str]:
        return [sys.executable, str(folder / "service.py"), str(folder), *words]

    def of(self, folder: Path, *, slow: str = "0", **changes: Any) -> Command:
        keys = {
            "restart": self.argv(folder, "restart", slow),
            "reload": self.argv(folder, "reload"),
            "status": self.argv(folder, "status"),
            "scale": self.argv(folder, "scale", "{instances}"),
        }
        return Command.model_validate({**keys, **changes})

    async def test_a_restart_is_seen_by_its_pid_and_twice_is_twice(self, service: Path) -> None:
        target, tools = a_target(process=self.of(service)), real_tools()
        first = await do("restart", target, tools, up_for="100ms")
        assert "pid none → " in first.text
        second = await do("restart", target, tools, up_for="100ms")
        assert f"pid {first.text.rpartition(' ')[2]} → " in second.text

    async def test_it_is_scaled_and_reloaded(self, service: Path) -> None:
        target, tools = a_target(process=self.of(service)), real_tools()
        await do("restart", target, tools, up_for="100ms")
        assert "from 1 → 3 instances" in (await do("scale", target, tools, by=2)).text
        assert "from 3 → 2 instances" in (await do("scale", target, tools, instances=2)).text
        assert "in place: still pid" in (await do("reload", target, tools, up_for="100ms")).text
        assert (await self.of(service).resident_bytes(tools) or 0) > 1 << 20

    async def test_without_a_status_nothing_is_claimed(self, service: Path) -> None:
        target = a_target(process=self.of(service, status=None))
        done = await do("restart", target, real_tools(), up_for="100ms")
        assert "not seen, because its manager has no `status`" in done.text

    async def test_a_program_that_did_nothing_is_not_believed(self, service: Path) -> None:
        true = str(shutil.which("true"))
        target = a_target(process=self.of(service, restart=[true]))
        with pytest.raises(ActionTimedOut, match=r"did not come up in time|no end within"):
            await do("restart", target, real_tools(), timeout=1.5, up_for="100ms")

    async def test_a_program_that_hangs_is_ended(self, service: Path) -> None:
        target = a_target(process=self.of(service, slow="600"))
        with pytest.raises(ActionTimedOut, match="no end within 1 s"):
            await do("restart", target, real_tools(), timeout=1)

    async def test_a_program_that_we_may_not_start_is_said(self, service: Path) -> None:
        target = a_target(process=self.of(service, restart=[str(service / "service.py")]))
        with pytest.raises(ActionFailed, match="must be a program that we may start") as caught:
            await do("restart", target, real_tools())
        assert not caught.value.started

    async def test_killed_in_the_middle_the_program_goes_on(self, service: Path) -> None:
        target, tools = a_target(process=self.of(service, slow="0.5")), real_tools()

        async def up() -> bool:
            return (await self.of(service).status(tools)).state is ProcessState.UP

        async with in_another_receiver(service, "restart", target, tools) as receiver:
            begun = (service / "pids").exists
            await until(begun, "it has begun", process=receiver.process, deadline=90)
            receiver.kill()
            await until(up, "the program ended its work", every=0.2, deadline=60)
            (pid,) = (await self.of(service).status(tools)).pids
            assert psutil.Process(pid).environ()["PRUNELLA_ACTION_ID"] == receiver.action_id
            # a service, and no work that would be ended when its time is over
            assert pid not in await ProcessTable().find(receiver.action_id)
        done = await do("restart", target, tools, up_for="100ms")
        assert "restarted shop" in done.text
