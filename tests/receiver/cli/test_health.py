from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from receiver.cli.__main__ import main
from tests.servers.ports import free_port

Printed = pytest.CaptureFixture[str]
Handler = Callable[[web.Request], Awaitable[web.Response]]


@asynccontextmanager
async def app(*answers: web.Response | str) -> AsyncIterator[str]:
    """One that answers each request with the next of these, and then with the last."""
    left = list(answers)

    async def handle(_: web.Request) -> web.Response:
        said = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(said, str):
            return web.json_response({"status": said}, status=503 if said == "unhealthy" else 200)
        return web.Response(status=said.status, text=said.text)

    served = web.Application()
    served.router.add_get("/{path:.*}", handle)
    runner = web.AppRunner(served)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


async def ran(*words: str) -> int:
    return await asyncio.to_thread(main, ["health", *words])


@pytest.mark.parametrize(
    ("status", "code"), [("healthy", 0), ("up", 0), ("degraded", 1), ("unhealthy", 1)]
)
async def test_only_a_healthy_answer_lets_a_deploy_go_on(status: str, code: int) -> None:
    async with app(status) as url:
        assert await ran(f"{url}/health") == code


async def asked(*words: str, **environment: str) -> tuple[int | None, list[str]]:
    """How it ends and whom it asked, in an environment that names nobody else."""
    unnamed = {k: v for k, v in os.environ.items() if not k.startswith("PRUNELLA_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "receiver.cli", "health", "--json", *words),
        env={**unnamed, **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    return process.returncode, [one["address"] for one in json.loads(said)["answers"]]


async def test_the_exporter_is_asked_where_only_it_is_said() -> None:
    async with app("healthy") as url:
        found = await asked(PRUNELLA_EXPORTER_URL=f"{url}/")
    assert found == (0, [f"{url}/api/health"])


async def test_the_receiver_is_asked_where_only_it_is_said() -> None:
    async with app("healthy") as url:
        assert await asked("--url", url) == (0, [f"{url}/api/monitoring/health"])
        assert await asked(PRUNELLA_URL=url) == (0, [f"{url}/api/monitoring/health"])


async def test_both_are_asked_where_both_are_said() -> None:
    async with app("healthy") as receiver, app("unhealthy") as exporter:
        found = await asked("--url", receiver, PRUNELLA_EXPORTER_URL=exporter)
    assert found == (1, [f"{receiver}/api/monitoring/health", f"{exporter}/api/health"])


async def test_both_are_asked_where_the_stack_puts_them_when_nobody_is_said() -> None:
    _, addresses = await asked()
    ports = ["http://127.0.0.1:9651/api/monitoring/health", "http://127.0.0.1:9650/api/health"]
    assert addresses == ports


async def test_a_config_that_cannot_say_where_the_receiver_is_is_a_mistake(tmp_path: Path) -> None:
    assert await ran("--config", str(tmp_path / "none.yml")) == 2


async def test_an_answer_without_a_word_counts_by_its_status() -> None:
    async with app(web.Response(text="fine")) as url:
        assert await ran(url) == 0
    async with app(web.Response(status=500, text="[]")) as url:
        assert await ran(url) == 1


async def test_one_that_is_not_well_is_enough(capsys: Printed) -> None:
    async with app("healthy") as well, app("degraded") as ill:
        assert await ran(well, ill, "--json") == 1
    said = json.loads(capsys.readouterr().out)
    assert said["healthy"] is False
    assert [one["status"] for one in said["answers"]] == ["healthy", "degraded"]


async def test_nobody_there_is_said_and_is_not_healthy(capsys: Printed) -> None:
    assert await ran(f"http://127.0.0.1:{free_port()}/health") == 1
    assert capsys.readouterr().out.startswith("unreachable")


async def test_it_waits_for_what_becomes_healthy_in_time() -> None:
    async with app("unhealthy", "degraded", "healthy") as url:
        assert await ran(url, "--wait", "20s") == 0


async def test_it_gives_up_when_the_time_is_over() -> None:
    async with app("unhealthy") as url:
        assert await ran(url, "--wait", "1500ms") == 1


def test_a_time_without_its_unit_is_a_mistake(capsys: Printed) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["health", "--wait", "5"])
    assert raised.value.code == 2
    assert "a duration needs its unit: say 5s" in capsys.readouterr().err
