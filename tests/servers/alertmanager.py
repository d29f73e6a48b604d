"""A private real Alertmanager."""

from __future__ import annotations

import shutil
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
class AlertmanagerServer:
    url: str
    port: int
    process: ServerProcess

    async def post(self, *alerts: Mapping[str, Any]) -> None:
        """POST /api/v2/alerts, as Prometheus does; an alert is {labels, annotations?, startsAt?, endsAt?}."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v2/alerts", json=alerts) as response,
        ):
            response.raise_for_status()

    async def alerts(self) -> list[dict[str, Any]]:
        """GET /api/v2/alerts, suppressed ones too."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/api/v2/alerts") as response,
        ):
            alerts: list[dict[str, Any]] = await response.json()
            return alerts

    async def stop(self) -> int:
        return await self.process.stop()

    def kill(self) -> None:
        self.process.kill()


def webhook_config(
    url: str, *, token_file: Path | None = None, group_interval: str = "1s"
) -> dict[str, Any]:
    """The smallest config that hands everything to one webhook at once."""
    hook: dict[str, Any] = {"url": url, "send_resolved": True}
    if token_file is not None:
        hook["http_config"] = {"authorization": {"credentials_file": str(token_file)}}
    return {
        "route": {
            "receiver": "hook",
            "group_by": ["alertname"],
            "group_wait": "0s",
            "group_interval": group_interval,
            "repeat_interval": "1h",
        },
        "receivers": [{"name": "hook", "webhook_configs": [hook]}],
    }


@asynccontextmanager
async def alertmanager(
    folder: Path,
    config: Mapping[str, Any] | Path,
    *,
    port: int | None = None,
    args: Sequence[str] = (),
) -> AsyncIterator[AlertmanagerServer]:
    """Runs with `config` (a mapping, or a file of its own) until the block ends; data and log in `folder`."""
    port = port or free_port()
    process = start("alertmanager", _argv(folder, _written(folder, config), port, args), folder)
    url = f"http://127.0.0.1:{port}"
    async with running(process, lambda: answers(f"{url}/-/ready")):
        yield AlertmanagerServer(url, port, process)


def _written(folder: Path, config: Mapping[str, Any] | Path) -> Path:
    if isinstance(config, Path):
        return config
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


def _argv(folder: Path, file: Path, port: int, args: Sequence[str]) -> list[str]:
    program = (
        shutil.which("prometheus-alertmanager") or "alertmanager"
    )  # Debian's name, or upstream's
    return [
        program,
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        *args,
    ]
