from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest

from prunella.version import version
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start, until

pytestmark = pytest.mark.server  # a process of its own for every test

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "exporter"]


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def config(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "exporter.yml"
    file.write_text(text)
    return file


def test_it_says_its_version() -> None:
    assert ran("--version").stdout.strip() == f"prunella-exporter {version()}"


def test_a_good_config_is_good(tmp_path: Path) -> None:
    done = ran("--check-config", "--config", str(config(tmp_path, "host: {}\n")))
    assert (done.returncode, done.stderr) == (0, "")


def test_a_bad_config_is_told_line_by_line(tmp_path: Path) -> None:
    file = config(tmp_path, "hots: {}\nscrape_timeout: 9\n")
    done = ran("--check-config", "--config", str(file))
    assert done.returncode == 2
    assert set(done.stderr.splitlines()) == {
        "hots: unknown key (did you mean host?)",
        "scrape_timeout: a duration needs its unit: say 9s",
    }


@pytest.mark.server
async def test_it_serves_reloads_and_stops(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    file = config(tmp_path, f"server: {{listen: '{address}'}}\nhost: {{}}\n")
    process = start("exporter", [*PROGRAM, "--config", str(file)], tmp_path, cwd=ROOT)
    async with running(process, lambda: answers(f"http://{address}/-/ready")):
        file.write_text(
            f"server: {{listen: '{address}'}}\nprocesses: [{{name: me, match: exporter}}]\n"
        )
        process.signal(signal.SIGHUP)

        async def reloaded() -> bool:
            return 'prunella_process_up{manager="match",name="me"' in await page(address)

        await until(reloaded, "the new config is in force", process=process)
        assert await process.stop() == 0


@pytest.mark.server
async def test_aiohttp_is_loaded_with_the_first_request_that_needs_it(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    file = config(tmp_path, f"server: {{listen: '{address}'}}\nhost: {{}}\n")
    process = start("exporter", [*PROGRAM, "--config", str(file)], tmp_path, cwd=ROOT)
    async with running(process, lambda: answers(f"http://{address}/-/ready")):
        for path in ("/", "/metrics", "/api/health", "/api/health/app", "/config", "/-/healthy"):
            assert await answers(f"http://{address}{path}")
        assert not holds(process.pid, "aiohttp")
        async with aiohttp.ClientSession() as session:
            answer = await session.head(f"http://{address}/metrics")
        assert answer.status == 200
        assert holds(process.pid, "aiohttp")


def holds(pid: int, library: str) -> bool:
    """Whether a part of it that is not Python is in memory."""
    return library in Path(f"/proc/{pid}/maps").read_text()


@pytest.mark.server
async def test_a_taken_port_is_told_with_the_key_to_change(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    file = config(tmp_path, f"server: {{listen: '{address}'}}\n")
    process = start("exporter", [*PROGRAM, "--config", str(file)], tmp_path, cwd=ROOT)
    async with running(process, lambda: answers(f"http://{address}/-/ready")):
        done = ran("--config", str(file))
    assert done.returncode == 2
    assert "server.listen" in done.stderr


async def page(address: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics") as answer,
    ):
        return await answer.text()
