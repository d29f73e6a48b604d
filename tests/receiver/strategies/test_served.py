"""A real app under a real PM2 and a real supervisord, from release to release by moving `current` and reloading."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from receiver.managers.base import Manager
from receiver.managers.pm2 import Pm2
from receiver.managers.supervisor import Supervisor
from receiver.outside.http import open_http
from receiver.strategies.base import Strategy
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.real import do, real_tools, until_up
from tests.receiver.actions.test_on_pm2 import Visitors, pm2_tools
from tests.receiver.strategies import shop
from tests.servers import pm2 as pm2_servers
from tests.servers.ports import free_port
from tests.servers.process import answers, until
from tests.servers.supervisor import supervisord

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run fetches PM2
VERSIONS = ("v1", "v2", "v3")
LAYOUTS: dict[str, Callable[[Path, Sequence[str]], Path]] = {
    "symlink": shop.in_folders,
    "git": shop.in_a_repository,
}

both_layouts = pytest.mark.parametrize("layout", LAYOUTS)


@dataclass(frozen=True, slots=True)
class Served:
    """An app of which v3 is live, its release strategy and its manager."""

    url: str
    target: Target
    tools: Tools

    @property
    def strategy(self) -> Strategy:
        assert self.target.release is not None
        return self.target.release

    @property
    def manager(self) -> Manager:
        assert self.target.process is not None
        return self.target.process

    async def serves(self) -> str | None:
        """What the app and the folders of its processes say, if they agree."""
        return (await self.strategy.running(self.manager, self.tools)).version

    async def goes_to(self, version: str) -> str:
        """What the reload says of it."""
        await self.strategy.preflight(version, self.tools)
        await self.strategy.activate(version, self.tools)
        return (await do("reload", self.target, self.tools, up_for="0s")).text


def a_served(layout: str, path: Path, port: int, manager: Manager, tools: Tools) -> Served:
    url = f"http://127.0.0.1:{port}"
    proof = {"url": f"{url}/version", "json": "version", "cwd": True}
    release = {"strategy": layout, "path": path, "version": proof}
    target = Target.model_validate({"name": "shop", "process": manager, "release": release})
    return Served(url, target, tools)


@asynccontextmanager
async def under_pm2(
    folder: Path, layout: str, versions: Sequence[str] = VERSIONS, **options: Any
) -> AsyncIterator[Served]:
    """Two instances in cluster mode, as docs/releases.md has it, unless `options` say otherwise."""
    path, port = LAYOUTS[layout](folder, versions), free_port()
    async with pm2_servers.pm2(folder) as server, open_http() as http:
        app = {"cwd": str(path / "current"), "exec_mode": "cluster", "instances": 2, **options}
        script = app.pop("script", "app.js")
        await server.start(
            "shop", [str(script)], interpreter="node", env={"PORT": str(port)}, **app
        )
        tools = replace(pm2_tools(server), http=http)
        served = a_served(layout, path, port, Pm2(name="shop", home=server.home), tools)
        await until_up(served.manager, tools, int(app["instances"]))
        await until(lambda: answers(served.url), "the app answers")
        yield served


async def test_under_pm2_it_goes_back_and_forward_and_no_visitor_notices(tmp_path: Path) -> None:
    async with under_pm2(tmp_path, "git") as served:
        assert await served.serves() == "v3"
        assert served.strategy.misses(await served.manager.started_from(served.tools)) is None
        async with Visitors(served.url).there() as visitors:
            for version in ("v1", "v3"):
                assert "without a gap" in await served.goes_to(version)
                assert await served.serves() == version
        assert visitors.failed == []


async def test_an_app_that_pm2_starts_from_one_release_is_refused_before(tmp_path: Path) -> None:
    path = tmp_path / "api"
    async with under_pm2(tmp_path, "symlink", cwd=str(path / "releases/v3")) as served:
        said = served.strategy.misses(await served.manager.started_from(served.tools))
        assert said == (
            f"it is started from {path}/releases/v3, one release for ever: "
            f"give its manager paths through {path}/current"
        )
        await served.goes_to("v1")
        assert await served.strategy.active(served.tools) == "v1"
        assert await served.serves() == "v3"  # a reload alone would have changed nothing


async def test_a_script_through_current_is_enough_for_pm2_but_not_for_what_reads_its_folder(
    tmp_path: Path,
) -> None:
    script = tmp_path / "api/current/app.js"
    async with under_pm2(
        tmp_path, "symlink", cwd=str(tmp_path), script=script, instances=1
    ) as served:
        await served.goes_to("v1")
        asked = await served.strategy.version.read(served.tools)
        assert asked.version == "v1"
        reading = await served.strategy.running(served.manager, served.tools)
        assert reading.version is None
        assert "which is no version's folder" in reading.detail


@both_layouts
async def test_under_supervisor_the_folder_is_looked_up_at_each_start(
    tmp_path: Path, layout: str
) -> None:
    path, port = LAYOUTS[layout](tmp_path, VERSIONS), free_port()
    programs = {"shop": [sys.executable, "app.py"]}
    options = {
        "directory": str(path / "current"),
        "environment": f'PORT="{port}"',
        "startsecs": "0",
    }
    async with supervisord(tmp_path, programs, **options) as server, open_http() as http:
        manager = Supervisor(name="shop", url=server.url)
        served = a_served(layout, path, port, manager, replace(real_tools(), http=http))
        await until_up(manager, served.tools)
        for version in ("v1", "v3"):
            assert "restarted shop with a gap" in await served.goes_to(version)
            await until(lambda: answers(served.url), "the app answers")
            assert await served.serves() == version
        assert served.strategy.misses(await manager.started_from(served.tools)) is None
