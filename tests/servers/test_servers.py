"""The server fixtures keep their word: ready on entry, gone on exit."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.servers.alertmanager import alertmanager, webhook_config
from tests.servers.ports import free_port
from tests.servers.process import NotReadyError, answers, running, start, until
from tests.servers.prometheus import prometheus, scrape


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def gone(pid: int) -> bool:
    return (
        not Path(f"/proc/{pid}/cmdline").exists() or not Path(f"/proc/{pid}/cmdline").read_bytes()
    )


def test_two_ports_are_never_the_same() -> None:
    assert len({free_port() for _ in range(50)}) == 50


async def test_a_server_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    process = start("early", python("print('no disk'); raise SystemExit(3)"), tmp_path)
    with pytest.raises(NotReadyError, match=r"(?s)ended with 3.*no disk"):
        async with running(process, lambda: False):
            pass


async def test_a_condition_that_never_holds_ends_at_its_deadline() -> None:
    with pytest.raises(NotReadyError, match="pigs fly"):
        await until(lambda: False, "pigs fly", deadline=0.05)


async def test_a_failing_block_leaves_no_process_of_the_group(tmp_path: Path) -> None:
    child = "import subprocess, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
    process = start("parent", python(child), tmp_path)
    with pytest.raises(ZeroDivisionError):
        async with running(process, lambda: bool(process.output().strip())):
            raise ZeroDivisionError
    assert not process.running
    await until(lambda: gone(int(process.output())), "the grandchild is gone")


async def test_a_server_that_ignores_term_is_killed(tmp_path: Path) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(60)"
    process = start("stubborn", python(stubborn), tmp_path)
    await until(lambda: "on" in process.output(), "it runs", process=process)
    assert await process.stop(timeout=0.1) == -9


@pytest.mark.server
async def test_prometheus_scrapes_itself_and_is_gone_afterwards(tmp_path: Path) -> None:
    port = free_port()
    config = {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [scrape("self", f"127.0.0.1:{port}", service="prometheus")],
    }
    async with prometheus(tmp_path, config, port=port) as server:

        async def scraped() -> bool:
            return 1.0 in (await server.query('up{service="prometheus"}')).values()

        await until(scraped, "prometheus scraped itself")
    assert not await answers(f"{server.url}/-/ready")
    with pytest.raises(ProcessLookupError):
        os.kill(server.process.pid, 0)


@pytest.mark.server
async def test_alertmanager_holds_what_it_is_sent(tmp_path: Path) -> None:
    config = webhook_config(f"http://127.0.0.1:{free_port()}/alerts")
    async with alertmanager(tmp_path, config) as server:
        await server.post({"labels": {"alertname": "A", "service": "s"}})

        async def held() -> bool:
            await asyncio.sleep(0)
            return [a["labels"]["alertname"] for a in await server.alerts()] == ["A"]

        await until(held, "the alert is listed")
