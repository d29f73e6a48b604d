"""`python -m demo.stack` on ports of its own, with the real parts."""

from __future__ import annotations

import asyncio
import os
import pty
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest

from demo.stack.__main__ import hung_up
from demo.stack.places import PORTS, Places, StackError, refuse_taken
from demo.stack.programs import PROGRAMS, how_to_install
from tests.grafana.live import without_data
from tests.servers.ports import free_port
from tests.servers.process import NotReadyError, ServerProcess, start, until


def elsewhere(folder: Path) -> Places:
    return Places({part: free_port() for part in PORTS}, folder / "stack")


def make_up(places: Places, folder: Path, name: str = "up") -> ServerProcess:
    environ = {**os.environ, **places.environment()}
    return start(name, [sys.executable, "-m", "demo.stack"], folder, env=environ)


@asynccontextmanager
async def stack(places: Places, folder: Path) -> AsyncIterator[ServerProcess]:
    process = make_up(places, folder)
    try:
        await until(
            lambda: "Ctrl-C here" in process.output(), "the table", deadline=90, process=process
        )
        yield process
    finally:
        await process.stop(timeout=60)


async def drill(name: str, places: Places) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "demo.drill", name,
        env={**os.environ, "PRUNELLA_STACK": str(places.folder)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def every_panel_and_rule_has_data(places: Places) -> None:
    """A scrape that was lost to a busy machine is made up for by the next ones."""
    missing: dict[str, str] = {}

    async def nothing_missing() -> bool:
        missing.clear()
        missing.update(await without_data(places.url("prometheus")))
        return not missing

    with suppress(NotReadyError):
        await until(nothing_missing, "every panel and rule has data", deadline=20, every=1)
    assert missing == {}


async def followed_in_the_console(output: str, places: Places) -> None:
    """The page that the drill leads to when its incident is there."""
    at = re.escape(f"{places.url('receiver')}/incidents/")
    (page,) = re.findall(rf"^ +({at}\d+)$", output, re.MULTILINE)
    headers = {"Authorization": f"Bearer {named_token(output)}"}
    async with aiohttp.ClientSession() as session, session.get(page, headers=headers) as response:
        text = await response.text()
    assert all(row in text for row in ("opened", "intent", "verdict", "resolved"))


def named_token(output: str) -> str:
    """What whoever wants to log in reads."""
    (file,) = re.findall(r"the token in (\S+)", output)
    return Path(file).read_text().strip()


async def told_from_opened_to_resolved(output: str) -> None:
    """The thread that the drill's last line leads to, as Slack would show it."""
    (url,) = re.findall(r"what people were told: (\S+)", output)
    page = ""

    async def ended() -> bool:
        nonlocal page
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            page = await response.text()
        return page.count("[resolved]") == 2  # how it stands, and the thread's last news

    await until(ended, f"the end to be told at {url}")
    told = re.findall(r'class="t">\[([a-z ]+)\]', page)
    assert told == ["resolved", "acted on", "healed", "resolved"]


def test_what_is_missing_is_asked_for_by_the_names_of_each_system() -> None:
    text = how_to_install([PROGRAMS["alertmanager"], PROGRAMS["redis"]])
    assert "missing: Alertmanager, Redis" in text
    assert "apt-get install prometheus-alertmanager redis-server" in text
    assert "docker compose up" in text


def test_a_terminal_that_is_closed_is_noticed() -> None:
    ours, theirs = pty.openpty()
    try:
        assert not hung_up(theirs)
        os.close(ours)
        assert hung_up(theirs)
    finally:
        os.close(theirs)


@pytest.mark.server
@pytest.mark.timeout(180)
async def test_it_comes_up_says_where_everything_is_and_takes_all_down(tmp_path: Path) -> None:
    places = elsewhere(tmp_path)
    async with stack(places, tmp_path) as process:
        for part, (variable, _) in PORTS.items():
            assert f":{places.ports[part]}" in process.output()
            assert variable in process.output()
        (line,) = [line for line in process.output().splitlines() if line.startswith("ask it")]
        asked = await asyncio.create_subprocess_shell(line.removeprefix("ask it"))
        assert await asked.wait() == 0
        second = make_up(places, tmp_path, "second")
        await until(lambda: not second.running, "the second gives up")
        assert "a stack is running already" in second.output()
        process.signal(signal.SIGHUP)  # the terminal has gone away
        await until(lambda: not process.running, "it stops", deadline=60)
    assert process.popen.returncode == 0
    refuse_taken(places)


@pytest.mark.server
@pytest.mark.timeout(180)
async def test_a_stack_that_is_killed_takes_its_parts_along(tmp_path: Path) -> None:
    places = elsewhere(tmp_path)
    async with stack(places, tmp_path) as process:
        process.signal(signal.SIGKILL)

        def all_gone() -> bool:
            try:
                refuse_taken(places)
            except StackError:
                return False
            return True

        await until(all_gone, "every port is free again", deadline=40)


@pytest.mark.e2e
@pytest.mark.timeout(300)
async def test_a_crashed_shop_is_healed_and_the_drill_and_the_dashboard_show_it(
    tmp_path: Path,
) -> None:
    places = elsewhere(tmp_path)
    async with stack(places, tmp_path):
        code, output = await drill("crash", places)
        assert code == 0, output
        await every_panel_and_rule_has_data(places)
        await told_from_opened_to_resolved(output)
        await followed_in_the_console(output, places)
    stages = [line.split()[1] for line in output.splitlines() if line.lstrip().startswith("+")]
    assert stages == ["broken", "firing", "received", "action", "verified", "resolved"]
