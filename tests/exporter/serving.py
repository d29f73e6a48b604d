"""The exporter itself on a free port, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import Exporter
from exporter.settings import read
from prunella.service.reload import Live
from tests.servers.ports import free_port


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    file: Path
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        async with self.session.get(self.url + path, headers=headers) as response:
            return response.status, await response.text()

    async def post(self, path: str) -> tuple[int, Any]:
        async with self.session.post(self.url + path) as response:
            return response.status, await response.json()

    async def metrics(self, query: str = "", **headers: str) -> list[Metric]:
        status, text = await self.get(f"/metrics{query}", **headers)
        assert status == 200, text
        return list(text_string_to_metric_families(text))

    def write(self, **keys: Any) -> None:
        self.file.write_text(yaml.safe_dump(keys))


def sent(**headers: str) -> dict[str, str]:
    """Header names as keyword arguments: `x_y="z"` is `X-Y: z`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


@asynccontextmanager
async def serving(
    tmp_path: Path, listen_host: str = "127.0.0.1", **keys: Any
) -> AsyncIterator[Served]:
    port, file = free_port(), tmp_path / "exporter.yml"
    server = {"listen": f"{listen_host}:{port}"}
    if "web_config_file" in keys:
        server["web_config_file"] = keys.pop("web_config_file")
    file.write_text(yaml.safe_dump({"server": server, **keys}))
    exporter = Exporter(Live(lambda: read(file, {})))
    async with (
        exporter.started() as service,
        service.serving(),
        aiohttp.ClientSession() as session,
    ):
        yield Served(f"http://127.0.0.1:{port}", file, session)
