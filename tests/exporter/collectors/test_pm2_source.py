from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from exporter.collectors.base import Collected, World
from exporter.collectors.process_sources.base import SourceError
from exporter.collectors.process_sources.look import Snapshot
from exporter.collectors.process_sources.matched import MatchedEntry
from exporter.collectors.process_sources.pm2 import Pm2Entry
from exporter.collectors.processes import Processes
from tests.exporter.reading import value
from tests.servers.pm2 import pm2
from tests.servers.process import until

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]
PROC = Path("/proc")


def entry(name: str, home: Path) -> Pm2Entry:
    return Pm2Entry(name=name, manager="pm2", home=home)


async def collect(home: Path, *apps: str) -> Collected:
    collector = Processes([entry(name, home) for name in apps], World())
    return await collector.collect(asyncio.get_running_loop().time() + 5)


def message(answer: object) -> bytes:
    part = b"j:" + json.dumps(answer).encode()
    return b"\x12" + struct.pack(">I", len(part)) + part + struct.pack(">I", 4) + b"s:id"


DEEP = b"\x12" + struct.pack(">I", 100_002) + b"j:" + b"[" * 100_000


@asynccontextmanager
async def daemon_saying(answer: bytes) -> AsyncIterator[Path]:
    """A home whose socket gives this answer to everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(answer)
        writer.close()

    with tempfile.TemporaryDirectory(prefix="pm2-") as home:
        server = await asyncio.start_unix_server(serve, Path(home) / "rpc.sock")
        try:
            yield Path(home)
        finally:
            server.close()
            await server.wait_closed()


@pytest.mark.server
@pytest.mark.timeout(240)  # the first run fetches PM2
async def test_apps_are_up_with_their_figures_and_their_limit(tmp_path: Path) -> None:
    async with pm2(tmp_path) as manager:
        await manager.start("api", SLEEPER, instances=2, max_memory_restart="100M")
        found = await collect(manager.home, "api", "nobody")
        assert value(found, "prunella_process_up", name="api") == 1
        assert value(found, "prunella_process_up", name="nobody") == 0
        assert value(found, "prunella_process_memory_limit_bytes", name="api") == 2 * 100 * 1024**2
        assert (value(found, "prunella_process_resident_memory_bytes", name="api") or 0) > 1 << 20
        assert found.problems == ()


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_restarts_are_pm2s_own_count_and_a_stopped_app_is_down(tmp_path: Path) -> None:
    async with pm2(tmp_path) as manager:
        await manager.start("api", SLEEPER)
        (reading,) = (await Pm2Entry.read([entry("api", manager.home)], Snapshot(PROC))).values()
        os.kill(reading.roots[0], signal.SIGKILL)

        async def restarted() -> bool:
            found = await collect(manager.home, "api")
            count = value(found, "prunella_process_restarts_total", name="api")
            return count == 1 and value(found, "prunella_process_up", name="api") == 1

        await until(restarted, "PM2 has restarted it")
        await manager.run("stop", "api")
        assert value(await collect(manager.home, "api"), "prunella_process_up", name="api") == 0


async def test_without_a_daemon_it_is_down_and_none_is_started(tmp_path: Path) -> None:
    found = await collect(tmp_path, "api")
    assert value(found, "prunella_process_up", name="api") == 0
    assert "no PM2 daemon" in found.problems[0]
    assert not any(os.scandir(tmp_path))


async def test_an_app_that_is_not_online_in_all_its_instances_is_down() -> None:
    apps = [
        {"name": "api", "pid": 0, "pm2_env": {"status": status, "restart_time": 3}}
        for status in ("online", "errored")
    ]
    async with daemon_saying(message({"args": [apps]})) as home:
        (reading,) = (await Pm2Entry.read([entry("api", home)], Snapshot(PROC))).values()
    assert (reading.up, reading.restarts, reading.roots) == (False, 6, ())


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x12\xff\xff\xff\xff", message({"args": [None]})[:9], message({"error": "no"}), message([]), DEEP],
    ids=["nothing", "endless", "cut", "error", "not-an-object", "deep"],
)  # fmt: skip
async def test_an_odd_answer_is_a_problem_in_one_line(answer: bytes) -> None:
    async with daemon_saying(answer) as home:
        with pytest.raises(SourceError, match="gave no list of apps"):
            await Pm2Entry.read([entry("api", home)], Snapshot(PROC))


async def test_the_environment_of_an_app_is_said_nowhere() -> None:
    apps = [{"name": "api", "pid": 1, "pm2_env": {"env": {"KEY": "hunter2"}}}]
    async with daemon_saying(message({"args": [apps]})) as home:
        found = await collect(home, "api")
    assert found.problems == ("pm2: not the answer expected (KeyError)",)
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("pid", "state"),
    [
        (10**400, {}),
        (-5, {}),
        ([7], {}),
        ("7", {}),
        (7, {"restart_time": 10**400}),
        (7, {"restart_time": float("inf")}),
        (7, {"max_memory_restart": 10**400}),
    ],
)
async def test_figures_that_cannot_be_are_said_and_cost_no_other_source(
    pid: object, state: dict[str, object]
) -> None:
    apps = [{"name": "api", "pid": pid, "pm2_env": {"status": "online", **state}}]
    async with daemon_saying(message({"args": [apps]})) as home:
        me = MatchedEntry(name="me", match=".")
        collector = Processes([entry("api", home), me], World())
        found = await collector.collect(asyncio.get_running_loop().time() + 5)
    assert value(found, "prunella_process_up", name="api") == 0
    assert value(found, "prunella_process_up", name="me") == 1
    assert found.problems[0].startswith("pm2: not the answer expected")


def test_the_home_is_pm2s_own_unless_said() -> None:
    assert Pm2Entry(name="api", manager="pm2").home.name in {
        ".pm2",
        Path(os.environ.get("PM2_HOME", ".pm2")).name,
    }


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_a_hanging_daemon_is_down_in_time(tmp_path: Path) -> None:
    async with pm2(tmp_path) as manager:
        await manager.start("api", SLEEPER)
        os.kill(manager.daemon_pid, signal.SIGSTOP)
        collector = Processes([entry("api", manager.home)], World())
        found = await collector.collect(asyncio.get_running_loop().time() + 0.5)
        os.kill(manager.daemon_pid, signal.SIGCONT)
        assert value(found, "prunella_process_up", name="api") == 0
        assert found.problems == ("pm2: no answer in time",)
        assert value(await collect(manager.home, "api"), "prunella_process_up", name="api") == 1


async def test_entries_of_one_daemon_are_read_in_one_call() -> None:
    calls = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await reader.read(1)
        writer.write(message({"args": [[]]}))
        writer.close()

    with tempfile.TemporaryDirectory(prefix="pm2-") as home:
        server = await asyncio.start_unix_server(serve, Path(home) / "rpc.sock")
        await collect(Path(home), "a", "b", "c")
        server.close()
        await server.wait_closed()
    assert calls == 1
