"""`restart`, `reload`, `scale` and `collect_garbage` on a real supervisord."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import ClassVar

import pytest

from receiver.actions.base import ActionFailed
from receiver.managers.base import ProcessState
from receiver.managers.supervisor import Supervisor
from receiver.targets import Target
from tests.receiver.actions.effects import a_target
from tests.receiver.actions.real import do, in_another_receiver, knows_why, real_tools, until_up
from tests.servers.process import until
from tests.servers.supervisor import supervisord
from tests.servers.troubles import hung, unprivileged

pytestmark = pytest.mark.server
TOOLS = real_tools()
HOLDS = """
import gc, pathlib, signal, time
held = [bytearray(b"x" * (1 << 20)) for _ in range(64)]
def let_go(*_):
    held.clear()
    gc.collect()
signal.signal(signal.SIGUSR2, let_go)
pathlib.Path({ready!r}).touch()
while True:
    time.sleep(600)
"""


class Impatient(Supervisor):
    """Waits no longer for an answer than a test may."""

    patience: ClassVar[float] = 1.0


def sleeper(folder: Path) -> list[str]:
    """Sleeps, or crashes at once while `folder/broken` exists."""
    code = f"import pathlib, time; assert not pathlib.Path({str(folder / 'broken')!r}).exists(); time.sleep(600)"
    return [sys.executable, "-c", code]


def hoarder(ready: Path) -> list[str]:
    """Holds 64 MiB until it is sent SIGUSR2."""
    script = ready.with_name("hoarder.py")
    script.write_text(HOLDS.format(ready=str(ready)))
    return [sys.executable, str(script)]


def stubborn(ready: Path) -> list[str]:
    """Has to be killed, a second after it was told to end."""
    code = (
        "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({str(ready)!r}).touch(); time.sleep(600)"
    )
    return [sys.executable, "-c", code]


async def test_it_is_restarted_and_a_reload_is_a_restart_that_says_so(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, startsecs="0") as server:
        manager = Supervisor(name="shop", url=server.url)
        target = a_target(process=manager)
        await until_up(manager, TOOLS)
        done = await do("restart", target, TOOLS, up_for="300ms")
        assert done.text.startswith("restarted shop in ")
        assert [knows_why(pid) for pid in await until_up(manager, TOOLS)] == [[]]
        again = await do("reload", target, TOOLS, up_for="300ms")
        assert "with a gap, for supervisor has no reload without one" in again.text


async def test_a_crash_loop_is_seen_before_and_after(tmp_path: Path) -> None:
    options = {"startsecs": "0", "autorestart": "true"}
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, **options) as server:
        manager = Supervisor(name="shop", url=server.url)
        await until_up(manager, TOOLS)
        (tmp_path / "broken").touch()
        loop = r"shop is in a restart loop: .* its log says why"
        with pytest.raises(ActionFailed, match=rf"{loop}|it came up and was") as late:
            await do("restart", a_target(process=manager), TOOLS, up_for="300ms")
        assert late.value.started
        with pytest.raises(ActionFailed, match=loop) as early:
            await do("reload", a_target(process=manager), TOOLS)
        assert not early.value.started


async def test_what_gives_up_after_its_retries_is_down(tmp_path: Path) -> None:
    options = {"startsecs": "1", "startretries": "1"}
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, **options) as server:
        manager = Supervisor(name="shop", url=server.url)
        await until_up(manager, TOOLS)
        (tmp_path / "broken").touch()
        with pytest.raises(ActionFailed, match="after the restart it is down"):
            await do("restart", a_target(process=manager), TOOLS, up_for="300ms")


async def test_what_its_memory_gave_back_is_said_in_numbers(tmp_path: Path) -> None:
    programs = {"shop": hoarder(tmp_path / "ready")}
    async with supervisord(tmp_path, programs, startsecs="0") as server:
        await until((tmp_path / "ready").exists, "it holds its memory")
        manager = Supervisor(name="shop", url=server.url, gc_signal="SIGUSR2")
        before = await until_up(manager, TOOLS)
        done = await do("collect_garbage", a_target(process=manager), TOOLS)
        deadly = Supervisor(name="shop", url=server.http_url, gc_signal="SIGUSR1")
        with pytest.raises(ActionFailed, match="does not handle SIGUSR1"):
            await do("collect_garbage", a_target(process=deadly), TOOLS)
        assert await until_up(manager, TOOLS) == before
    assert done.counts["bytesFreed"] > 48 << 20
    assert f"SIGUSR2 was sent to pid {before[0]}" in done.text


async def test_a_hung_program_is_restarted_all_the_same(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, startsecs="0") as server:
        manager = Supervisor(name="shop", url=server.url)
        (pid,) = await until_up(manager, TOOLS)
        with hung(pid):
            done = await do("restart", a_target(process=manager), TOOLS, up_for="300ms")
        assert f"pid {pid} → " in done.text


async def test_a_supervisord_that_hangs_or_is_not_ours_is_an_error_with_a_cure(
    tmp_path: Path,
) -> None:
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, startsecs="0") as server:
        manager = Impatient(name="shop", url=server.url, gc_signal="SIGUSR2")
        before = await until_up(manager, TOOLS)
        target = a_target(process=manager)
        with unprivileged():
            await refused_at_once(target, "may not speak to .*: give its socket to our group")
        with hung(server.pid):
            await refused_at_once(target, "gave no answer within 1 s: does it hang")
        assert await until_up(manager, TOOLS) == before


async def test_a_supervisord_that_is_slow_is_waited_for(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"shop": sleeper(tmp_path)}, startsecs="0") as server:
        manager = Supervisor(name="shop", url=server.url)
        await until_up(manager, TOOLS)
        target = a_target(process=manager)
        with hung(server.pid):
            restarting = asyncio.create_task(do("restart", target, TOOLS, up_for="300ms"))
            await asyncio.sleep(1.5)
        assert (await restarting).text.startswith("restarted shop in ")


async def test_a_supervisord_that_is_gone_may_be_asked_again() -> None:
    with tempfile.TemporaryDirectory() as folder:
        manager = Supervisor(name="shop", url=f"unix://{folder}/s.sock", gc_signal="SIGUSR2")
        await refused_at_once(a_target(process=manager), r"cannot reach .*; is it running\?")


async def test_a_program_that_it_does_not_know_is_not_touched(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"other": sleeper(tmp_path)}, startsecs="0") as server:
        other = Supervisor(name="other", url=server.url)
        before = await until_up(other, TOOLS)
        missing = Supervisor(name="shop", url=server.url, gc_signal="SIGUSR2")
        await refused_at_once(a_target(process=missing), "no such process|is missing")
        assert await until_up(other, TOOLS) == before


async def refused_at_once(target: Target, why: str) -> None:
    for action in ("restart", "reload", "collect_garbage"):
        began = time.monotonic()
        with pytest.raises(ActionFailed, match=why) as caught:
            await do(action, target, TOOLS)
        assert not caught.value.started
        assert time.monotonic() - began < 10


async def test_killed_in_the_middle_it_is_started_when_looked_at_again(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    async with supervisord(tmp_path, {"shop": stubborn(ready)}, startsecs="0") as server:
        await until(ready.exists, "the program ignores TERM")
        manager = Supervisor(name="shop", url=server.url)
        target = a_target(process=manager)
        order = in_another_receiver(tmp_path, "restart", target, TOOLS, up_for="300ms")

        async def is_so(state: ProcessState) -> bool:
            return (await manager.status(TOOLS)).state is state

        async with order as receiver:
            stopping = partial(is_so, ProcessState.STARTING)
            await until(stopping, "it stops", process=receiver.process, deadline=60)
            receiver.kill()
        await until(partial(is_so, ProcessState.DOWN), "it is down, with nobody to start it")
        done = await do("restart", target, TOOLS, up_for="300ms")
        assert "pid none → " in done.text
