from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from prunella.service.clock import SystemClock
from prunella.service.settings import Secret
from receiver.managers.base import ManagerError, ProcessState
from receiver.managers.supervisor import Supervisor
from receiver.tools import Tools
from tests.receiver.stand_ins import StandInHttp, StandInPrograms, a_toolbox
from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.supervisor import supervisord

TOOLS = Tools(clock=SystemClock(), http=StandInHttp(), programs=StandInPrograms())
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
BROKEN = [sys.executable, "-c", "raise SystemExit(3)"]


def stubborn(ready: Path) -> list[str]:
    """A program that has to be killed; `ready` says that it is past its start."""
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    return [sys.executable, "-c", code]


def listener(got: Path) -> list[str]:
    """Writes that it was sent SIGUSR2."""
    code = (
        "import pathlib, signal, time; got = pathlib.Path({!r}); "
        "signal.signal(signal.SIGUSR2, lambda *_: got.write_text('SIGUSR2')); got.touch(); time.sleep(600)"
    )
    return [sys.executable, "-c", code.format(str(got))]


async def state_is(manager: Supervisor, state: ProcessState) -> None:
    async def is_so() -> bool:
        return (await manager.status(TOOLS)).state is state

    await until(is_so, f"the program is {state}")


@pytest.mark.parametrize("name", ["", "a b", "*", "group:*", ":a", "a:", "a:b:c", "-a"])
def test_a_name_is_one_programs(name: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of one program"):
        Supervisor(name=name)


@pytest.mark.parametrize(
    "url", ["/run/s.sock", "unix://s.sock", "ftp://h", "http://", "http://user:pw@h:9001"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        Supervisor(name="a", url=url)


@pytest.mark.parametrize(
    "url", ["unix:///no/such.sock", f"http://127.0.0.1:{free_port()}"], ids=["socket", "port"]
)
async def test_without_supervisord_nothing_was_changed(url: str) -> None:
    with pytest.raises(ManagerError, match="cannot reach supervisord") as caught:
        await Supervisor(name="a", url=url).restart(a_toolbox())
    assert not caught.value.started
    with pytest.raises(ManagerError, match="cannot reach"):
        await Supervisor(name="a", url=url).status(a_toolbox())


@pytest.mark.parametrize(
    ("answer", "started", "said"),
    [
        (b"HTTP/1.0 401 No\r\n\r\n", False, "refuses the user name"),
        (b"HTTP/1.0 404 No\r\n\r\n", False, "answers 404"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", True, "not XML-RPC"),
        (b"HTTP/1.0 200 OK\r\n\r\n<?xml version='1.0'?><a/>", True, "not XML-RPC"),
        (b"SSH-2.0\r\n", True, "lost supervisord"),
        (b"", True, "lost supervisord"),
    ],
)
async def test_what_does_not_speak_supervisors_language_is_an_error(
    answer: bytes, started: bool, said: str
) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"</methodCall>")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        manager = Supervisor(
            name="a", url=f"http://127.0.0.1:{port}", username="u", password=Secret("c4nary")
        )
        with pytest.raises(ManagerError, match=said) as caught:
            await manager.restart(TOOLS)
    assert caught.value.started is started
    assert "c4nary" not in repr(manager) + repr(caught.value)


async def test_memory_and_signals_of_another_machine_are_not_looked_for_on_this_one() -> None:
    manager = Supervisor(name="a", url="http://supervisor.invalid:9001")
    assert await manager.resident_bytes(a_toolbox()) is None


def test_more_of_one_program_is_not_for_us_to_start() -> None:
    assert "`numprocs`" in str(Supervisor(name="a").objection("scale"))
    assert Supervisor(name="a").objection("signal") is None


@pytest.mark.server
class TestWithARealSupervisord:
    async def test_a_signal_reaches_the_program_and_its_refusal_is_said(
        self, tmp_path: Path
    ) -> None:
        got = tmp_path / "got"
        async with supervisord(tmp_path, {"shop": listener(got)}, startsecs="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            await until(got.exists, "it listens")
            await manager.signal(TOOLS, "SIGUSR2")
            await until(lambda: got.read_text() == "SIGUSR2", "it got the signal")
            assert (await manager.resident_bytes(TOOLS) or 0) > 1 << 20
            with pytest.raises(ManagerError, match="BAD_NAME") as caught:
                await Supervisor(name="none", url=server.url).signal(TOOLS, "SIGUSR2")
            assert not caught.value.started

    async def test_a_program_is_restarted_over_either_address(self, tmp_path: Path) -> None:
        async with supervisord(tmp_path, {"shop": SLEEP}, startsecs="0") as server:
            for url in (server.url, server.http_url):
                manager = Supervisor(name="shop", url=url)
                await state_is(manager, ProcessState.UP)
                before = await manager.status(TOOLS)
                await manager.restart(TOOLS)
                after = await manager.status(TOOLS)
                assert after.state is ProcessState.UP
                assert before.pids != after.pids
                assert psutil.pid_exists(after.pids[0])
                assert before.started_at is not None
                assert after.started_at is not None
                assert after.started_at >= before.started_at

    async def test_a_name_that_it_does_not_know_is_missing(self, tmp_path: Path) -> None:
        async with supervisord(tmp_path, {"shop": SLEEP}) as server:
            manager = Supervisor(name="shpo", url=server.url)
            assert (await manager.status(TOOLS)).state is ProcessState.MISSING
            with pytest.raises(ManagerError, match="BAD_NAME") as caught:
                await manager.restart(TOOLS)
            assert not caught.value.started

    async def test_one_of_a_group_is_named_with_it(self, tmp_path: Path) -> None:
        async with supervisord(tmp_path, {"shop": SLEEP}, startsecs="0") as server:
            status = await Supervisor(name="shop:shop", url=server.url).status(TOOLS)
            assert status.state is not ProcessState.MISSING

    async def test_what_is_stopped_is_started(self, tmp_path: Path) -> None:
        programs = {"shop": SLEEP}
        async with supervisord(tmp_path, programs, autostart="false", startsecs="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            before = await manager.status(TOOLS)
            assert (before.state, before.pids, before.started_at) == (ProcessState.DOWN, (), None)
            await manager.restart(TOOLS)
            await state_is(manager, ProcessState.UP)

    async def test_what_has_given_up_is_tried_again(self, tmp_path: Path) -> None:
        programs = {"shop": BROKEN}
        async with supervisord(tmp_path, programs, startsecs="1", startretries="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            await state_is(manager, ProcessState.DOWN)
            await manager.restart(TOOLS)  # taken, though it will not help

    async def test_what_waits_between_two_tries_is_restarted(self, tmp_path: Path) -> None:
        programs = {"shop": BROKEN}
        async with supervisord(tmp_path, programs, startsecs="1", startretries="90") as server:
            manager = Supervisor(name="shop", url=server.url)
            await until(lambda: "exited: shop" in server.log.read_text(), "it has failed once")
            assert (await manager.status(TOOLS)).state is ProcessState.STARTING
            await manager.restart(TOOLS)

    async def test_a_program_that_is_gone_from_the_disk_is_said(self, tmp_path: Path) -> None:
        programs = {"shop": ["/no/such/program"]}
        async with supervisord(tmp_path, programs) as server:
            with pytest.raises(ManagerError, match="NO_FILE"):
                await Supervisor(name="shop", url=server.url).restart(TOOLS)

    async def test_a_stop_that_takes_long_is_waited_for(self, tmp_path: Path) -> None:
        ready = tmp_path / "ready"
        async with supervisord(tmp_path, {"shop": stubborn(ready)}, startsecs="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            await until(ready.exists, "the program ignores TERM")
            before = await manager.status(TOOLS)
            await manager.restart(TOOLS)  # one second until supervisord kills it
            after = await manager.status(TOOLS)
            assert after.state is ProcessState.UP
            assert not set(before.pids) & set(after.pids)

    async def test_a_restart_that_is_cancelled_in_the_middle_leaves_nothing_down(
        self, tmp_path: Path
    ) -> None:
        ready = tmp_path / "ready"
        async with supervisord(tmp_path, {"shop": stubborn(ready)}, startsecs="0") as server:
            manager = Supervisor(name="shop", url=server.url)
            await until(ready.exists, "the program ignores TERM")
            before = await manager.status(TOOLS)
            task = asyncio.create_task(manager.restart(TOOLS))
            await state_is(manager, ProcessState.STARTING)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            after = await manager.status(TOOLS)
            assert after.state is ProcessState.UP
            assert before.pids != after.pids


@pytest.mark.server
async def test_it_says_from_where_supervisord_starts_the_program(tmp_path: Path) -> None:
    sleep = ["/bin/sleep", "600"]
    async with supervisord(
        tmp_path, {"api": sleep, "api2": sleep}, directory=str(tmp_path)
    ) as server:
        manager = Supervisor(name="api", url=server.url)
        assert await manager.started_from(TOOLS) == (str(tmp_path), "/bin/sleep")
        full = Supervisor(name="api:api", url=server.url)
        assert await full.started_from(TOOLS) == (str(tmp_path), "/bin/sleep")
        assert await Supervisor(name="other", url=server.url).started_from(TOOLS) == ()
