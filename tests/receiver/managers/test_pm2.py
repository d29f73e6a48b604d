from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus
from receiver.managers.pm2 import Pm2
from receiver.outside.programs import SystemPrograms
from receiver.tools import Finished, OutsideError, Tools
from tests.receiver.stand_ins import Ran, StandInHttp, StandInPrograms, a_toolbox
from tests.servers.pm2 import pm2
from tests.servers.process import until
from tests.servers.troubles import unprivileged

CANARY = "c4nary-9d1e"
NOBODYS = 2**22 + 1  # above the largest pid
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


@asynccontextmanager
async def a_home() -> AsyncIterator[Path]:
    """A PM2_HOME in which something listens."""

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    with tempfile.TemporaryDirectory(prefix="pm2-") as folder:
        home = Path(folder)
        async with await asyncio.start_unix_server(hang_up, home / "rpc.sock"):
            yield home


def listed(*entries: tuple[str, str, int], before: str = "", **details: Any) -> Finished:
    """What `pm2 jlist` prints for (name, status, pid)."""
    processes = [
        {
            "name": name,
            "pid": pid,
            "pm2_env": {
                "status": status,
                "pm_uptime": 1_700_000_000_000 + pid,
                "restart_time": 2,
                "env": {"TOKEN": CANARY},
                **details,
            },
            "monit": {"memory": 1000 * pid, "cpu": 1},
        }
        for name, status, pid in entries
    ]
    return Finished(0, before + json.dumps(processes) + "\n")


async def status_of(ending: Finished | OutsideError) -> ProcessStatus:
    async with a_home() as home:
        tools = a_toolbox(programs=StandInPrograms(ending))
        return await Pm2(name="api", home=home).status(tools)


@pytest.mark.parametrize(
    "name",
    ["", " ", "-f", "--help", "-", "all", "0", "17", "/api/", "app.json", "e.config.js", "x.yml", "a\nb", "a\0"],
)  # fmt: skip
def test_a_name_that_pm2_would_read_as_something_else_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one PM2 app"):
        Pm2(name=name)


@pytest.mark.parametrize("name", ["api", "my app", "api-2", "2api", "all-in-one", "api.js"])
def test_other_names_are_taken(name: str) -> None:
    assert Pm2(name=name).name == name


def test_a_home_is_absolute() -> None:
    with pytest.raises(ValidationError, match="absolute"):
        Pm2(name="api", home=Path("pm2"))


@pytest.mark.parametrize(
    ("word", "pid", "state"),
    [
        ("online", 7, ProcessState.UP),
        ("launching", 0, ProcessState.STARTING),
        ("waiting restart", 7, ProcessState.STARTING),
        ("stopping", 7, ProcessState.STARTING),
        ("stopped", 7, ProcessState.STARTING),  # it crashed, and is started again at once
        ("stopped", 0, ProcessState.DOWN),
        ("errored", 0, ProcessState.DOWN),
    ],
)
async def test_pm2s_words_are_ours(word: str, pid: int, state: ProcessState) -> None:
    assert (await status_of(listed(("api", word, pid)))).state is state


async def test_an_app_that_is_up_says_since_when() -> None:
    assert await status_of(listed(("other", "stopped", 3), ("api", "online", 7))) == ProcessStatus(
        ProcessState.UP, started_at=1_700_000_000.007, pids=(7,), restarts=2
    )


async def test_instances_are_as_young_as_the_oldest() -> None:
    status = await status_of(listed(("api", "online", 9), ("api", "online", 8)))
    assert status == ProcessStatus(ProcessState.UP, 1_700_000_000.008, (9, 8), 4)


async def test_one_instance_that_is_down_is_down() -> None:
    status = await status_of(
        listed(("api", "online", 9), ("api", "waiting restart", 0), ("api", "errored", 0))
    )
    assert (status.state, status.started_at, status.pids) == (ProcessState.DOWN, None, (9,))


async def test_an_app_that_is_not_listed_is_missing() -> None:
    assert (await status_of(listed(("other", "online", 7)))).state is ProcessState.MISSING
    assert (await status_of(listed())).state is ProcessState.MISSING


@pytest.mark.parametrize(
    "before",
    [
        "[PM2] Spawning PM2 daemon with pm2_home=/x\n",
        ">>>> In-memory PM2 is out-of-date, do:\n>>>> $ pm2 update\n",
        "(node:12) [DEP0040] DeprecationWarning: The `punycode` module\n",
    ],
)
async def test_what_pm2_chatters_before_its_list_is_skipped(before: str) -> None:
    assert (await status_of(listed(("api", "online", 7), before=before))).pids == (7,)


@pytest.mark.parametrize(
    "output",
    [
        *("", "nothing", '[{"name": "api", "pid": 1}]', "[[1]]", "[" * 100_000 + "{"),
        *(f'[{{"name": "{CANARY}', f'[{{"env": "{CANARY}"}}]'),
    ],
)
async def test_a_list_that_cannot_be_read_is_an_error_that_quotes_nothing(output: str) -> None:
    with pytest.raises(ManagerError, match="no list of processes") as caught:
        await status_of(Finished(0, output))
    assert not caught.value.started
    assert CANARY not in repr(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "ending",
    [Finished(1, CANARY), Finished(None, CANARY), OutsideError("cannot start", sent=False)],
)
async def test_a_list_that_fails_changed_nothing(ending: Finished | OutsideError) -> None:
    with pytest.raises(ManagerError) as caught:
        await status_of(ending)
    assert not caught.value.started
    assert CANARY not in str(caught.value)


async def test_pm2_is_asked_with_its_home_and_nothing_of_ours() -> None:
    async with a_home() as home:
        programs = StandInPrograms(Finished(0, ""))
        tools = a_toolbox(programs=programs, executables={"pm2": "/opt/pm2"})
        await Pm2(name="api", home=home).restart(tools)
    assert programs.ran == [Ran(("/opt/pm2", "restart", "api"), 120.0, {"PM2_HOME": str(home)})]


@pytest.mark.parametrize(
    ("ending", "started"),
    [
        (Finished(1, "[PM2][ERROR] Process or Namespace api not found"), False),
        (Finished(1, "[PM2][ERROR] Reload already in progress"), True),
        (Finished(None, ""), True),
        (OutsideError("cannot start pm2", sent=False), False),
    ],
)
async def test_a_restart_says_whether_it_may_have_begun(
    ending: Finished | OutsideError, started: bool
) -> None:
    async with a_home() as home:
        with pytest.raises(ManagerError) as caught:
            await Pm2(name="api", home=home).restart(a_toolbox(programs=StandInPrograms(ending)))
    assert caught.value.started is started


async def asked(verb: str, *arguments: object, ending: Finished) -> StandInPrograms:
    """What the manager starts for that, beside its looks."""

    def answer(ran: Ran) -> Finished:
        return listed(("api", "online", NOBODYS)) if "jlist" in ran.argv else ending

    programs = StandInPrograms(answer)
    async with a_home() as home:
        await getattr(Pm2(name="api", home=home), verb)(a_toolbox(programs=programs), *arguments)
    return programs


@pytest.mark.parametrize(
    ("verb", "arguments", "argv"),
    [
        ("reload", (), ("pm2", "reload", "api")),
        ("scale", (3,), ("pm2", "scale", "api", "3")),
        ("signal", ("SIGUSR2",), ("pm2", "sendSignal", "SIGUSR2", "api")),
    ],
)
async def test_every_order_names_one_app(
    verb: str, arguments: tuple[object, ...], argv: tuple[str, ...]
) -> None:
    programs = await asked(verb, *arguments, ending=Finished(0, ""))
    assert [ran.argv for ran in programs.ran if "jlist" not in ran.argv] == [argv]


@pytest.mark.parametrize(
    ("verb", "arguments", "said", "started", "why"),
    [
        ("reload", (), "Process or Namespace api not found", False, "knows no api"),
        ("reload", (), "Reload already in progress, please try again in 9 s", False, "for 32 s"),
        ("reload", (), "boom", True, "exit code 1"),
        ("scale", (3,), "Application api not found", False, "knows no api"),
        ("scale", (3,), "boom", True, "exit code 1"),
        ("signal", ("SIGUSR2",), "Unknown process name", False, "knows no api"),
        ("signal", ("SIGUSR2",), "boom", True, "exit code 1"),
    ],
)
async def test_every_order_says_whether_it_may_have_begun(
    verb: str, arguments: tuple[object, ...], said: str, started: bool, why: str
) -> None:
    with pytest.raises(ManagerError, match=why) as caught:
        await asked(verb, *arguments, ending=Finished(1, said))
    assert caught.value.started is started


async def test_the_lock_of_a_reload_that_was_cut_off_is_waited_out() -> None:
    answers = [Finished(1, "Reload already in progress, please try again in 3 s"), Finished(0, "")]
    programs = StandInPrograms(
        lambda ran: listed(("api", "online", NOBODYS)) if "jlist" in ran.argv else answers.pop(0)
    )
    async with a_home() as home:
        await Pm2(name="api", home=home).reload(a_toolbox(programs=programs))
    assert [ran.argv[1] for ran in programs.ran if "jlist" not in ran.argv] == ["reload"] * 2


@pytest.mark.parametrize("instances", [0, -1])
async def test_no_app_is_scaled_away(instances: int) -> None:
    with pytest.raises(ManagerError, match="at least one instance") as caught:
        await asked("scale", instances, ending=Finished(0, ""))
    assert not caught.value.started


async def look(verb: str, *entries: tuple[str, str, int], **details: Any) -> object:
    async with a_home() as home:
        tools = a_toolbox(programs=StandInPrograms(listed(*entries, **details)))
        return await getattr(Pm2(name="api", home=home), verb)(tools)


@pytest.mark.parametrize(("mode", "smooth"), [("cluster_mode", True), ("fork_mode", False)])
async def test_only_cluster_mode_reloads_without_a_gap(mode: str, smooth: bool) -> None:
    found = await look("zero_downtime", ("api", "online", 7), exec_mode=mode)
    assert found is smooth
    assert await look("zero_downtime") is False


async def test_instances_are_counted_without_those_that_a_reload_is_about_to_end() -> None:
    two = (("api", "online", 7), ("api", "errored", 0), ("other", "online", 9))
    assert await look("instances", *two) == 2
    assert await look("instances", *two, pm_id="_old_3") == 0


async def test_memory_is_pm2s_own_figure_of_all_instances_or_none() -> None:
    assert await look("resident_bytes", ("api", "online", 7), ("api", "online", 8)) == 15_000
    assert await look("resident_bytes", ("api", "online", 7), ("api", "stopped", 0)) is None
    assert await look("resident_bytes", ("other", "online", 7)) is None


@pytest.mark.parametrize("verb", ["status", "restart"])
async def test_a_daemon_that_hangs_is_said_with_what_to_do(verb: str) -> None:
    async with a_home() as home:
        tools = a_toolbox(programs=StandInPrograms(Finished(None, CANARY)))
        with pytest.raises(ManagerError, match=r"does the PM2 daemon hang\?.*pm2\.pid") as caught:
            await getattr(Pm2(name="api", home=home), verb)(tools)
    assert caught.value.started is (verb == "restart")
    assert CANARY not in str(caught.value)


async def test_a_home_that_we_may_not_enter_is_said_with_what_to_do() -> None:
    async with a_home() as home:
        home.chmod(0)
        with unprivileged(), pytest.raises(ManagerError, match="run the receiver as its owner"):
            await Pm2(name="api", home=home).status(a_toolbox())
        home.chmod(0o700)


async def test_without_a_daemon_none_is_started(tmp_path: Path) -> None:
    programs = StandInPrograms()
    for look in (Pm2(name="api", home=tmp_path).status, Pm2(name="api", home=tmp_path).restart):
        with pytest.raises(ManagerError, match="no PM2 daemon runs in") as caught:
            await look(a_toolbox(programs=programs))
        assert not caught.value.started
    assert programs.ran == []


def a_script(tmp_path: Path, first_line: str) -> str:
    """An executable named `pm2` that begins so."""
    script = tmp_path / "pm2"
    script.write_text(f"{first_line}\n")
    script.chmod(0o755)
    return str(script)


async def test_a_wrapper_of_the_operators_own_is_asked_without_a_look_at_our_home(
    tmp_path: Path,
) -> None:
    wrapper = a_script(tmp_path, "#!/bin/sh")
    programs = StandInPrograms(listed())
    tools = a_toolbox(programs=programs, executables={"pm2": wrapper})
    assert (await Pm2(name="api", home=tmp_path).status(tools)).state is ProcessState.MISSING
    assert programs.ran[0].argv == (wrapper, "jlist")


@pytest.mark.parametrize("first_line", ["#!/usr/bin/env node", "#!/opt/node-20/bin/node", "x"])
async def test_pm2_itself_is_asked_only_beside_its_daemon(tmp_path: Path, first_line: str) -> None:
    programs = StandInPrograms()
    tools = a_toolbox(programs=programs, executables={"pm2": a_script(tmp_path, first_line)})
    with pytest.raises(ManagerError, match="no PM2 daemon runs in"):
        await Pm2(name="api", home=tmp_path).status(tools)
    assert programs.ran == []


@pytest.mark.server
@pytest.mark.timeout(240)  # the first run fetches PM2
async def test_a_real_pm2_restarts_one_app_and_only_that(tmp_path: Path) -> None:
    async with pm2(tmp_path) as server:
        await server.start("api", SLEEP, env={"SECRET": CANARY})
        await server.start("other", SLEEP)
        tools = Tools(
            clock=SystemClock(),
            http=StandInHttp(),
            programs=SystemPrograms(),
            executables={"pm2": str(server.executable)},
        )
        api, other = (Pm2(name=name, home=server.home) for name in ("api", "other"))
        before, bystander = await api.status(tools), await other.status(tools)
        assert before.state is ProcessState.UP
        await api.restart(tools)
        after = await api.status(tools)
        assert after.state is ProcessState.UP
        assert after.restarts == before.restarts + 1
        assert before.started_at is not None
        assert after.started_at is not None
        assert after.started_at > before.started_at
        assert not set(after.pids) & set(before.pids)
        assert await other.status(tools) == bystander
        assert psutil.Process(after.pids[0]).environ()["SECRET"] == CANARY
        assert (
            await Pm2(name="none", home=server.home).status(tools)
        ).state is ProcessState.MISSING
        with pytest.raises(ManagerError, match="knows no none") as caught:
            await Pm2(name="none", home=server.home).restart(tools)
        assert not caught.value.started


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_a_real_pm2s_stopped_app_is_started(tmp_path: Path) -> None:
    async with pm2(tmp_path) as server:
        await server.start("api", SLEEP)
        await server.run("stop", "api")
        tools = Tools(
            clock=SystemClock(),
            http=StandInHttp(),
            programs=SystemPrograms(),
            executables={"pm2": str(server.executable)},
        )
        api = Pm2(name="api", home=server.home)
        assert (await api.status(tools)).state is ProcessState.DOWN
        await api.restart(tools)

        async def up() -> bool:
            return (await api.status(tools)).state is ProcessState.UP

        await until(up, "it is up")


async def test_it_says_from_where_pm2_starts_the_app() -> None:
    places = {"pm_cwd": "/srv/api/current", "pm_exec_path": "/srv/api/current/app.js"}
    async with a_home() as home:
        programs = StandInPrograms(listed(("api", "online", 1), ("api", "online", 2), **places))
        seen = await Pm2(name="api", home=home).started_from(a_toolbox(programs=programs))
    assert seen == ("/srv/api/current", "/srv/api/current/app.js")
    async with a_home() as home:
        programs = StandInPrograms(listed(("api", "online", 1)))
        assert await Pm2(name="api", home=home).started_from(a_toolbox(programs=programs)) == ()
