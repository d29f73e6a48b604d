from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from prunella.service.settings import ListenAddress
from prunella.version import version
from tests.prunella.service.front_door import Client

pytestmark = pytest.mark.server  # a process of its own for every test

ROOT = Path(__file__).parents[3]
PATIENCE = 20.0


class Process:
    """The small service in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def line(self, message: str) -> dict[str, str]:
        """The next log line with this message."""
        assert self._process.stderr is not None
        while True:
            text = await asyncio.wait_for(self._process.stderr.readline(), PATIENCE)
            assert text, f"ended without saying {message!r}"
            line: dict[str, str] = json.loads(text)
            if line["msg"].startswith(message):
                return line

    async def client(self) -> Client:
        address = (await self.line("listening"))["address"]
        return Client(ListenAddress("127.0.0.1", int(address.rpartition(":")[2])))

    async def ended(self) -> tuple[int, str, str]:
        out, err = await asyncio.wait_for(self._process.communicate(), PATIENCE)
        return self._process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def small(*arguments: object, **environ: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tests.prunella.service.program"),
        *map(str, arguments),
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def result(*arguments: object, **environ: str) -> tuple[int, str, str]:
    async with small(*arguments, **environ) as process:
        return await process.ended()


def config(folder: Path, text: str) -> Path:
    file = folder / "small.yml"
    file.write_text(text)
    return file


async def test_the_version_is_printed() -> None:
    assert await result("--version") == (0, f"small {version()}\n", "")


async def test_a_wrong_option_is_a_usage_error() -> None:
    code, _, err = await result("--confg", "x")
    assert code == 2
    assert "unrecognized arguments" in err


async def test_a_good_config_is_silent(tmp_path: Path) -> None:
    file = config(tmp_path, "every: ${EVERY}")
    assert await result("--check-config", "--config", file, EVERY="5m") == (0, "", "")


async def test_a_log_level_may_be_written_in_capitals() -> None:
    assert await result("--log-level", "DEBUG", "--check-config") == (0, "", "")


@pytest.mark.parametrize("arguments", [["--check-config"], []])
async def test_a_bad_config_prints_every_problem(tmp_path: Path, arguments: list[str]) -> None:
    file = config(tmp_path, "every: 5\nevry: 5m\nlisten: x\n")
    code, out, err = await result(*arguments, "--config", file)
    assert (code, out) == (2, "")
    assert [line.split(":")[0] for line in err.splitlines()] == ["listen", "every", "evry"]


async def test_a_missing_config_is_a_config_error(tmp_path: Path) -> None:
    code, _, err = await result("--config", tmp_path / "none.yml")
    assert (code, "no such file" in err) == (2, True)


async def test_a_port_that_is_taken_names_the_key_to_change(tmp_path: Path) -> None:
    async with small() as first:
        address = (await first.client()).address
        code, _, err = await result("--config", config(tmp_path, f"listen: '{address}'"))
    assert code == 2
    assert f"server.listen: cannot listen on {address}: Address already in use" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_service_in_good_order(number: signal.Signals) -> None:
    async with small() as process:
        client = await process.client()
        assert (await client.get("/-/healthy")).status == 200
        process.signal(number)
        code, out, err = await process.ended()
    assert (code, out) == (0, "")
    assert json.loads(err)["msg"] == "stopping"


@pytest.mark.parametrize(("path", "code"), [("/polite", 0), ("/stubborn", 1), ("/blocking", 1)])
async def test_a_handler_that_hangs_does_not_hold_up_the_end(path: str, code: int) -> None:
    async with small() as process:
        client = await process.client()
        async with client.connection() as connection:
            await connection.send(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n")
            await process.line("hanging")
            process.signal(signal.SIGTERM)
            began = asyncio.get_running_loop().time()
            assert (await process.ended())[0] == code
            assert asyncio.get_running_loop().time() - began < 5


async def test_a_lookup_that_nobody_waits_for_any_more_is_no_line_in_the_log() -> None:
    async with small() as process:
        client = await process.client()
        assert (await client.get("/forgetful")).status == 200
        process.signal(signal.SIGTERM)
        _, _, err = await process.ended()
    assert json.loads(err)["msg"] == "stopping"


async def test_sighup_reads_the_config_again(tmp_path: Path) -> None:
    file = config(tmp_path, "every: 1m")
    async with small("--config", file) as process:
        client = await process.client()
        file.write_text("every: 2m")
        process.signal(signal.SIGHUP)
        await process.line("config reloaded")
        assert (await client.get("/every")).json == {"every": 120}


async def test_sighup_with_a_bad_config_keeps_the_old_one(tmp_path: Path) -> None:
    file = config(tmp_path, "every: 1m")
    async with small("--config", file) as process:
        client = await process.client()
        file.write_text("every: 2")
        process.signal(signal.SIGHUP)
        await process.line("reload refused")
        assert (await client.get("/every")).json == {"every": 60}
        metrics = await client.get("/metrics?name[]=prunella_config_last_reload_successful")
    assert metrics.body.endswith(b"successful 0.0\n")
