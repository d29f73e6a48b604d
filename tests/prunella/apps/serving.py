"""The apps of this folder behind the servers that people run them with."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start

ROOT = Path(__file__).parents[3]
APPS = "tests.prunella.apps"
UVICORN = ("-m", "uvicorn", "--log-level", "error", "--host", "127.0.0.1", "--port")
GUNICORN = (
    *("-m", "gunicorn", "--log-level", "error", "--worker-class", "gthread"),
    *("--threads", "8", "--keep-alive", "30", "--bind"),
)

SERVERS: Mapping[str, Sequence[str]] = {
    "aiohttp": ("-m", f"{APPS}.on_aiohttp", "{port}"),
    "starlette": (*UVICORN, "{port}", f"{APPS}.on_starlette:app"),
    "fastapi": (*UVICORN, "{port}", f"{APPS}.on_fastapi:app"),
    "flask": (*GUNICORN, "127.0.0.1:{port}", f"{APPS}.on_flask:app"),
    "django": (*GUNICORN, "127.0.0.1:{port}", f"{APPS}.on_django:app"),
    "django-asgi": (*UVICORN, "{port}", f"{APPS}.on_django:asgi"),
}
Key = tuple[str, str, str]  # method, route, status


@dataclass(frozen=True)
class Served:
    url: str
    process: ServerProcess

    async def requests(self) -> dict[Key, float]:
        """What the app has counted, without the scrapes themselves and what was asked to see that it is ready."""
        found: dict[Key, float] = {}
        for name, labels, value in await self.samples():
            if name == "http_requests_total" and labels["route"] not in {"/metrics", "/ready"}:
                found[labels["method"], labels["route"], labels["status"]] = value
        return found

    async def value(self, sample: str, **labels: str) -> float:
        rows = await self.samples()
        matching = [
            value for name, of, value in rows if name == sample and labels.items() <= of.items()
        ]
        return sum(matching)

    async def samples(self) -> list[tuple[str, dict[str, str], float]]:
        async with aiohttp.ClientSession() as session, session.get(f"{self.url}/metrics") as page:
            text = await page.text()
        families = text_string_to_metric_families(text)
        return [(one.name, one.labels, one.value) for family in families for one in family.samples]


@asynccontextmanager
async def serving(
    framework: str, folder: Path, *options: str, **environ: str
) -> AsyncIterator[Served]:
    port = free_port()
    argv = [sys.executable, *(part.format(port=port) for part in SERVERS[framework]), *options]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environ}
    process = start(framework, argv, folder, env=env, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(f"{url}/metrics")):
        yield Served(url, process)
