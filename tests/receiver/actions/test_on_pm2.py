"""`restart`, `reload`, `scale` and `collect_garbage` on a real PM2 with a real web app under it."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import aiohttp
import pytest

from receiver.actions.base import ActionFailed
from receiver.managers.base import ProcessState
from receiver.managers.pm2 import Pm2
from receiver.outside.http import open_http
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.effects import a_target
from tests.receiver.actions.real import do, in_another_receiver, knows_why, real_tools, until_up
from tests.servers import pm2 as servers
from tests.servers.ports import free_port
from tests.servers.process import answers, until
from tests.servers.troubles import hung, unprivileged

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches PM2
APP = Path(servers.__file__).parent / "node" / "web.cjs"
PATIENCE = aiohttp.ClientTimeout(total=20)
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Impatient(Pm2):
    """Waits no longer for a list than a test may."""

    patience: ClassVar[float] = 2.0


@dataclass(frozen=True, slots=True)
class Web:
    server: servers.Pm2
    manager: Pm2
    tools: Tools
    url: str
    folder: Path

    @property
    def target(self) -> Target:
        return a_target(process=self.manager, base_url=self.url, gc_path="/gc")


@asynccontextmanager
async def a_web_app(
    folder: Path, *, instances: int = 1, mode: str = "cluster"
) -> AsyncIterator[Web]:
    """The app under PM2, up and answering."""
    async with servers.pm2(folder) as server:
        port = free_port()
        await server.start(
            "web", [str(APP), str(port), str(folder)], interpreter="node", exec_mode=mode,
            instances=instances, node_args=["--expose-gc"],
        )  # fmt: skip
        manager = Pm2(name="web", home=server.home)
        web = Web(server, manager, pm2_tools(server), f"http://127.0.0.1:{port}", folder)
        await until(lambda: answers(web.url), "the app answers")
        yield web


def pm2_tools(server: servers.Pm2) -> Tools:
    return real_tools(pm2=str(server.executable))


@dataclass
class Visitors:
    """Ask again and again, each time over a new connection."""

    url: str
    served: int = 0
    failed: list[str] = field(default_factory=list)
    _leaving: bool = False

    @asynccontextmanager
    async def there(self, count: int = 2) -> AsyncIterator[Visitors]:
        visits = [asyncio.create_task(self._visit()) for _ in range(count)]
        try:
            await until(lambda: self.served > 20, "they are served")
            yield self
            soon = self.served + 20
            await until(lambda: self.served > soon, "they are served still")
        finally:
            self._leaving = True
            await asyncio.gather(*visits)

    async def _visit(self) -> None:
        while not self._leaving:
            try:
                async with aiohttp.request(
                    "GET", self.url, headers={"Connection": "close"}, timeout=PATIENCE
                ) as answer:
                    answer.raise_for_status()
                    await answer.read()
                self.served += 1
                await asyncio.sleep(0.01)
            except (aiohttp.ClientError, OSError) as error:
                self.failed.append(repr(error))


async def test_a_reload_in_cluster_mode_fails_no_request(tmp_path: Path) -> None:
    async with a_web_app(tmp_path, instances=2) as web, Visitors(web.url).there() as visitors:
        for _ in range(2):
            before = (await web.manager.status(web.tools)).pids
            done = await do("reload", web.target, web.tools, up_for="1s")
            assert done.text.startswith("reloaded shop without a gap in ")
            assert not set(before) & set(await until_up(web.manager, web.tools, 2))
    assert visitors.failed == []
    assert visitors.served > 40


async def test_in_fork_mode_a_reload_is_a_restart_and_says_so(tmp_path: Path) -> None:
    async with a_web_app(tmp_path, mode="fork") as web:
        done = await do("reload", web.target, web.tools, up_for="1s")
        assert "with a gap, for PM2 reloads without one only in cluster mode" in done.text
        for pid in await until_up(web.manager, web.tools):
            assert knows_why(pid) == []


async def test_it_is_scaled_up_and_down_and_never_above_max(tmp_path: Path) -> None:
    async with a_web_app(tmp_path) as web:
        up = await do("scale", web.target, web.tools, by=2, max=3)
        assert up.counts == {"instancesBefore": 1, "instancesAfter": 3}
        for pid in await until_up(web.manager, web.tools, 3):
            assert knows_why(pid) == []
        with pytest.raises(ActionFailed, match="runs 3 instances: 4 would be above max") as caught:
            await do("scale", web.target, web.tools, max=3)
        assert not caught.value.started
        down = await do("scale", web.target, web.tools, instances=2)
        assert down.text.startswith("scaled shop from 3 → 2 instances")
        again = await do("scale", web.target, web.tools, instances=2)
        assert again.text == "shop runs 2 instances already"
        assert await answers(web.url)


@pytest.mark.parametrize("how", ["hook", "signal"])
async def test_what_its_memory_gave_back_is_said_in_numbers(tmp_path: Path, how: str) -> None:
    async with a_web_app(tmp_path) as web, open_http() as http:
        target = web.target if how == "hook" else by_signal(web, "SIGUSR2")
        before = await until_up(web.manager, web.tools)
        done = await do("collect_garbage", target, replace(web.tools, http=http))
        with pytest.raises(ActionFailed, match="does not handle SIGPROF") as caught:
            await do("collect_garbage", by_signal(web, "SIGPROF"), web.tools)
        assert not caught.value.started
        assert await until_up(web.manager, web.tools) == before
    assert (tmp_path / "collected").read_text().split() == [str(before[0])]
    assert done.counts["bytesFreed"] == done.counts["bytesBefore"] - done.counts["bytesAfter"]
    assert done.counts["bytesFreed"] > 64 << 20
    assert "MiB freed" in done.text


def by_signal(web: Web, name: str) -> Target:
    return a_target(process=web.manager.model_copy(update={"gc_signal": name}))


async def test_a_hook_that_hangs_or_whose_receiver_was_killed_is_asked_once(tmp_path: Path) -> None:
    async with a_web_app(tmp_path) as web, open_http() as http:
        (pid,) = await until_up(web.manager, web.tools)
        (tmp_path / "slow").touch()
        order = in_another_receiver(tmp_path, "collect_garbage", web.target, web.tools)
        async with order as receiver:
            asked = (tmp_path / "collected").exists
            await until(asked, "it was asked", process=receiver.process, deadline=90)
            receiver.kill()
        assert await until_up(web.manager, web.tools) == (pid,)
        assert (tmp_path / "collected").read_text().split() == [str(pid)]
        tools, unseen = replace(web.tools, http=http), a_target(base_url=web.url, gc_path="/gc")
        with hung(pid), pytest.raises(ActionFailed) as caught:
            await do("collect_garbage", unseen, tools, timeout=6)
        assert caught.value.unknown


async def test_a_crashing_app_is_seen_before_and_after(tmp_path: Path) -> None:
    async with a_web_app(tmp_path) as web:
        (tmp_path / "broken").touch()
        with pytest.raises(
            ActionFailed, match=r"restart loop|it came up and was|it is down"
        ) as late:
            await do("restart", web.target, web.tools, up_for="1s")
        assert late.value.started
        await web.server.start(
            "loop", [str(APP), "0", str(tmp_path)], interpreter="node", max_restarts=1000
        )
        looping = a_target(process=Pm2(name="loop", home=web.server.home))
        for action in ("restart", "reload"):
            with pytest.raises(ActionFailed, match="shop is in a restart loop") as early:
                await do(action, looping, web.tools)
            assert not early.value.started


async def test_a_hung_app_is_restarted_also_by_a_daemon_that_is_slow(tmp_path: Path) -> None:
    async with a_web_app(tmp_path) as web:
        (pid,) = await until_up(web.manager, web.tools)
        with hung(pid):
            with hung(web.server.daemon_pid):
                restarting = asyncio.create_task(
                    do("restart", web.target, web.tools, up_for="300ms")
                )
                await asyncio.sleep(1.5)
            assert f"pid {pid} → " in (await restarting).text
        assert await answers(web.url)
        for new in await until_up(web.manager, web.tools):
            assert knows_why(new) == []


async def test_a_daemon_that_hangs_or_is_gone_or_not_ours_is_an_error_with_a_cure(
    tmp_path: Path,
) -> None:
    async with servers.pm2(tmp_path) as server:
        await server.start("web", SLEEP)
        tools = pm2_tools(server)
        manager = Impatient(name="web", home=server.home, gc_signal="SIGUSR2")
        target = a_target(process=manager)
        with unprivileged():
            await refused_at_once(target, tools, "run the receiver as its owner")
        with hung(server.daemon_pid):
            await refused_at_once(
                target, tools, r"does the PM2 daemon hang\? Its pid is in .*pm2\.pid"
            )
        (server.home / "rpc.sock").unlink()
        await refused_at_once(target, tools, "no PM2 daemon runs in .*`pm2 resurrect`")


async def refused_at_once(target: Target, tools: Tools, why: str) -> None:
    for action in ("restart", "reload", "scale", "collect_garbage"):
        began = time.monotonic()
        with pytest.raises(ActionFailed, match=why) as caught:
            await do(action, target, tools)
        assert not caught.value.started
        assert time.monotonic() - began < 15


async def test_what_pm2_does_not_know_is_not_touched_and_nor_is_anybody_else(
    tmp_path: Path,
) -> None:
    async with servers.pm2(tmp_path) as server:
        await server.start("other", SLEEP, namespace="web")
        tools, other = pm2_tools(server), Pm2(name="other", home=server.home)
        bystander = await other.status(tools)
        missing = Pm2(name="web", home=server.home, gc_signal="SIGUSR2")  # a namespace, no app
        for action in ("restart", "reload", "scale", "collect_garbage"):
            with pytest.raises(ActionFailed) as caught:
                await do(action, a_target(process=missing), tools)
            assert not caught.value.started
        assert await other.status(tools) == bystander


@pytest.mark.parametrize("action", ["reload", "scale"])
async def test_killed_in_the_middle_it_is_whole_when_looked_at_again(
    tmp_path: Path, action: str
) -> None:
    wish = {"reload": 2, "scale": 3}[action]
    options: dict[str, Any] = {"instances": wish} if action == "scale" else {"up_for": "1s"}
    async with a_web_app(tmp_path, instances=2) as web:
        before = await web.manager.status(web.tools)
        (tmp_path / "slow").touch()
        order = in_another_receiver(tmp_path, action, web.target, web.tools, **options)

        async def has_begun() -> bool:
            return set((await web.manager.status(web.tools)).pids) != set(before.pids)

        async with order as receiver:
            await until(has_begun, "it has begun", process=receiver.process, deadline=90)
            receiver.kill()
            (tmp_path / "slow").unlink()
            done = await do(action, web.target, web.tools, **options)
        assert "shop" in done.text
        assert (await web.manager.status(web.tools)).state is ProcessState.UP
        await until_up(web.manager, web.tools, wish)
        assert await answers(web.url)
