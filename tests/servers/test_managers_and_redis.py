"""The process managers' and Redis' fixtures leave nothing behind."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from tests.servers.pm2 import pm2
from tests.servers.process import until
from tests.servers.redis import redis_server
from tests.servers.supervisor import supervisord

SLEEPER = [sys.executable, "-c", "import time; time.sleep(600)"]

pytestmark = pytest.mark.server


async def test_redis_is_gone_with_its_block() -> None:
    async with redis_server() as server:
        assert psutil.pid_exists(server.pid)
    assert not psutil.pid_exists(server.pid)


async def test_a_hanging_redis_goes_too() -> None:
    async with redis_server() as server:
        server.hang()
    assert not psutil.pid_exists(server.pid)


async def test_supervisord_takes_its_programs_with_it(tmp_path: Path) -> None:
    async with supervisord(tmp_path, {"sleeper": SLEEPER}, startsecs="0") as supervisor:
        head = psutil.Process(supervisor.pid)
        await until(lambda: len(head.children()) == 1, "the program runs")
        children = head.children()
    assert not any(process.is_running() for process in [head, *children])


@pytest.mark.timeout(240)  # the first run fetches PM2
async def test_pm2_takes_its_programs_and_its_daemon_with_it(tmp_path: Path) -> None:
    async with pm2(tmp_path) as manager:
        await manager.start("sleeper", SLEEPER)
        daemon = psutil.Process(manager.daemon_pid)
        children = daemon.children()
    assert len(children) == 1
    assert not any(process.is_running() for process in [daemon, *children])
