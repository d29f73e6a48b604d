"""docs/kit.md does what it says: its blocks run, and the three lines of each framework are seen to work."""

from __future__ import annotations

import ast
import asyncio
import inspect
import logging
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from prunella import errors
from tests.prunella.middleware import asgi_driver, wsgi_driver
from tests.servers.alertmanager import alertmanager, webhook_config

DOCUMENT = (Path(__file__).parents[2] / "docs" / "kit.md").read_text()


def blocks(heading: str) -> list[str]:
    """The Python of one section."""
    section = re.split(rf"^#+ {heading}$", DOCUMENT, flags=re.MULTILINE)[1]
    section = re.split(r"^#+ ", section, flags=re.MULTILINE)[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found


async def run(code: str, **names: Any) -> dict[str, Any]:
    """Its names, after it was run as in a notebook."""
    space: dict[str, Any] = {"__name__": "the_app", **names}
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    result = eval(compile(code, "docs/kit.md", "exec", flags=flags), space)  # noqa: S307 - our own page
    if inspect.isawaitable(result):
        await result
    return space


async def app_of(heading: str) -> Any:
    return (await run(blocks(heading)[0]))["app"]


async def asked_by_aiohttp(app: Any, path: str, **headers: str) -> tuple[int, str, str]:
    async with TestClient(TestServer(app)) as client:
        answer = await client.get(
            path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        return answer.status, answer.headers["X-Correlation-ID"], await answer.text()


async def asked_by_asgi(app: Any, path: str, **headers: str) -> tuple[int, str, str]:
    sent = await asgi_driver.ask(app, path, **headers)
    return sent.status, sent.headers["x-correlation-id"], sent.body.decode()


async def asked_by_wsgi(app: Any, path: str, **headers: str) -> tuple[int, str, str]:
    more = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    answer = await asyncio.to_thread(lambda: wsgi_driver.ask(app, path, "GET", 1000, **more))
    return answer.status, answer.headers["X-Correlation-ID"], answer.body.decode()


FRAMEWORKS = {
    "aiohttp": asked_by_aiohttp,
    "Starlette": asked_by_asgi,
    "FastAPI": asked_by_asgi,
    "Flask": asked_by_wsgi,
}


@pytest.mark.parametrize(("framework", "ask"), FRAMEWORKS.items())
async def test_three_lines_are_enough(framework: str, ask: Callable[..., Any]) -> None:
    app = await app_of(framework)
    status, correlation, page = await ask(app, "/metrics", x_correlation_id="req-1")
    assert (status, correlation) == (200, "req-1")
    assert "http_requests_in_progress" in page
    app = await app_of(framework)
    assert (await ask(app, "/health"))[0] == 200
    assert (await ask(await app_of(framework), "/nowhere"))[0] == 404


DJANGO = """
import sys
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF="the_urls", SECRET_KEY="x", **{name: value for name, value in {scope}.items() if name.isupper()})
import types
sys.modules["the_urls"] = types.ModuleType("the_urls"); sys.modules["the_urls"].urlpatterns = []
from django.core.wsgi import get_wsgi_application
from tests.prunella.middleware.wsgi_driver import ask
app = get_wsgi_application()
assert "http_requests_in_progress" in ask(app, "/metrics").body.decode()
assert ask(app, "/health").status == 200 and ask(app, "/nowhere").status == 404
"""


def test_two_lines_are_enough_for_django() -> None:
    space = asyncio.run(run(blocks("Django")[0]))
    settings = {name: value for name, value in space.items() if name.isupper()}
    code = DJANGO.replace("{scope}", repr(settings))
    root = str(Path(__file__).parents[2])
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": root}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


async def test_the_blocks_on_correlation_run() -> None:
    for block in blocks("Correlation ids"):
        await run(block)


async def test_the_block_on_logs_runs(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        await run(blocks("Logs")[0])
    finally:
        root.handlers[:], root.level = before[0], before[1]
    said = capsys.readouterr().err
    assert "order placed" in said
    assert "never shown" not in said


async def test_the_blocks_on_errors_run() -> None:
    noise = (errors._noise._types, errors._noise._patterns, errors._noise._asked)
    first, app = blocks("Errors")
    space = await run(first)
    errors._noise._types, errors._noise._patterns, errors._noise._asked = noise
    assert len(space["fingerprint"]) == 12
    assert (await asked_by_aiohttp((await run(app))["app"], "/errors.json"))[0] == 401


@pytest.mark.server
async def test_the_block_on_alerts_runs_beside_a_real_alertmanager(tmp_path: Path) -> None:
    async with alertmanager(tmp_path, webhook_config("http://127.0.0.1:9/alerts")) as server:
        await run(blocks("Alerts of your own")[0], alertmanager_url=server.url)
        (left,) = await server.alerts()
    assert left["labels"]["alertname"] == "ImportOdd"
