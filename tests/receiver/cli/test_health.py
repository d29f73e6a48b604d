from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

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


async def test_the_exporter_is_asked_when_nothing_is_named() -> None:
    async with app("healthy") as url:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "receiver.cli", "health"),
            env={**os.environ, "PRUNELLA_EXPORTER_URL": f"{url}/"},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate()
    assert (process.returncode, f"{url}/api/health (answered 200)" in said.decode()) == (0, True)


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
