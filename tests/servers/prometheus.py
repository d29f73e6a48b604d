"""A private real Prometheus."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from tests.servers.ports import free_port
from tests.servers.process import ServerProcess, answers, running, start


@dataclass
class PrometheusServer:
    url: str
    port: int
    process: ServerProcess

    async def api(self, path: str, **params: str) -> Any:
        """`data` of one call of /api/v1/<path>."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v1/{path}", params=params) as response,
        ):
            return (await response.json())["data"]

    async def query(self, expr: str) -> dict[tuple[tuple[str, str], ...], float]:
        """Sorted label pairs → value of an instant query."""
        result = (await self.api("query", query=expr))["result"]
        return {tuple(sorted(s["metric"].items())): float(s["value"][1]) for s in result}

    async def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts as Prometheus lists them."""
        alerts: list[dict[str, Any]] = (await self.api("alerts"))["alerts"]
        return alerts

    async def stop(self) -> int:
        return await self.process.stop()

    def kill(self) -> None:
        self.process.kill()


def scrape(job: str, address: str, **labels: str) -> dict[str, Any]:
    """One static scrape config."""
    return {"job_name": job, "static_configs": [{"targets": [address], "labels": labels}]}


@asynccontextmanager
async def prometheus(
    folder: Path,
    config: Mapping[str, Any] | Path,
    *,
    port: int | None = None,
    args: Sequence[str] = (),
) -> AsyncIterator[PrometheusServer]:
    """Runs with `config` (a mapping, or a file of its own) until the block ends; data and log in `folder`."""
    port = port or free_port()
    process = start("prometheus", _argv(folder, _written(folder, config), port, args), folder)
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(f"{url}/-/ready")):
        yield PrometheusServer(url, port, process)


def _written(folder: Path, config: Mapping[str, Any] | Path) -> Path:
    if isinstance(config, Path):
        return config
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


def _argv(folder: Path, file: Path, port: int, args: Sequence[str]) -> list[str]:
    return [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *args,
    ]
