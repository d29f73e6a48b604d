"""A mount whose server hangs, for real: the exporter as a program, on a machine that has such a mount."""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.exporter.reading import value
from tests.servers.fuse import Machine, machine_with_far_mount
from tests.servers.fuse_server import BLOCK, BLOCKS, FREE
from tests.servers.ports import free_port
from tests.servers.process import answers, until

pytestmark = [
    pytest.mark.server,
    pytest.mark.skipif(sys.platform != "linux", reason="FUSE and namespaces are Linux'"),
]


@dataclass(frozen=True)
class Far:
    """An exporter whose machine has the mount."""

    machine: Machine
    url: str

    async def scraped(self, timeout: str = "3") -> tuple[list[Metric], float]:
        """As Prometheus would with that timeout, and how long it took."""
        began = time.monotonic()
        headers = {"X-Prometheus-Scrape-Timeout-Seconds": timeout}
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{self.url}/metrics") as response,
        ):
            text = await response.text()
        return list(text_string_to_metric_families(text)), time.monotonic() - began

    def of_far(self, found: list[Metric], name: str) -> float | None:
        return value(found, f"node_filesystem_{name}", mountpoint=str(self.machine.point))


@asynccontextmanager
async def far(tmp_path: Path) -> AsyncIterator[Far]:
    port, file = free_port(), tmp_path / "exporter.yml"
    file.write_text(yaml.safe_dump({"server": {"listen": f"127.0.0.1:{port}"}, "host": {}}))
    argv = [sys.executable, "-m", "exporter", "--config", str(file)]
    url = f"http://127.0.0.1:{port}"
    async with machine_with_far_mount(argv, lambda: answers(f"{url}/-/ready"), tmp_path) as machine:
        yield Far(machine, url)


async def test_a_mount_that_hangs_costs_its_own_figures_and_comes_back(tmp_path: Path) -> None:
    async with far(tmp_path) as exporter:
        found, _ = await exporter.scraped()
        assert exporter.of_far(found, "size_bytes") == BLOCKS * BLOCK
        assert exporter.of_far(found, "avail_bytes") == FREE * BLOCK

        exporter.machine.hang()
        found, seconds = await exporter.scraped()
        assert seconds < 2.7
        assert exporter.of_far(found, "device_error") == 1
        assert exporter.of_far(found, "size_bytes") is None
        assert value(found, "node_filesystem_size_bytes", mountpoint="/")
        assert value(found, "node_load1") is not None
        assert value(found, "prunella_scrape_collector_success", collector="host") == 1

        _, seconds = await exporter.scraped()
        assert seconds < 0.9, "what is known to hang is not asked again"

        exporter.machine.come_back()

        async def is_back() -> bool:
            return exporter.of_far((await exporter.scraped())[0], "size_bytes") == BLOCKS * BLOCK

        await until(is_back, "the mount is read again")


async def test_scrape_after_scrape_of_a_machine_that_hangs_cost_one_thread(tmp_path: Path) -> None:
    async with far(tmp_path) as exporter:
        await exporter.scraped()
        exporter.machine.hang()
        took = [(await exporter.scraped("1"))[1] for _ in range(20)]
        assert max(took) < 1.0
        found, _ = await exporter.scraped()
        assert exporter.of_far(found, "device_error") == 1
        assert exporter.machine.threads() < 12


async def test_an_exporter_whose_mount_hangs_still_ends_when_it_is_told_to(tmp_path: Path) -> None:
    async with far(tmp_path) as exporter:
        exporter.machine.hang()
        await exporter.scraped()
        exporter.machine.terminate()
        await until(lambda: not exporter.machine.process.running, "it has ended", deadline=30)
