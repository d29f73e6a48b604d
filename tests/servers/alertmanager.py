"""A private real Alertmanager."""

from __future__ import annotations

import shutil
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    folder: Path

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

    async def failed(self) -> float:
        """How many of its webhooks were not taken, each try counted."""
        name = 'alertmanager_notification_requests_failed_total{integration="webhook"}'
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}/metrics") as response,
        ):
            rows = (await response.text()).splitlines()
        return sum(float(row.rpartition(" ")[2]) for row in rows if row.startswith(name))

    async def silence(self, *matchers: str, by: str = "ann", seconds: float = 600.0) -> str:
        """As a human with amtool: `name=value`, all must hold. Returns its id."""
        now = datetime.now(UTC)
        pairs = [matcher.split("=", 1) for matcher in matchers]
        body = {
            "matchers": [{"name": name, "value": value, "isRegex": False} for name, value in pairs],
            "startsAt": now.isoformat(),
            "endsAt": (now + timedelta(seconds=seconds)).isoformat(),
            "createdBy": by,
            "comment": "new disks",
        }
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.url}/api/v2/silences", json=body) as response,
        ):
            response.raise_for_status()
            return str((await response.json())["silenceID"])

    async def unsilence(self, number: str) -> None:
        """Ends one silence."""
        async with (
            aiohttp.ClientSession() as session,
            session.delete(f"{self.url}/api/v2/silence/{number}") as response,
        ):
            response.raise_for_status()

    async def suppressed(self) -> list[dict[str, str]]:
        """The labels of the alerts that it tells nobody about."""
        return [
            one["labels"] for one in await self.alerts() if one["status"]["state"] == "suppressed"
        ]

    def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Another config from now on, as by SIGHUP."""
        _written(self.folder, config)
        self.process.signal(signal.SIGHUP)

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
async def alertmanager_pair(
    folder: Path, config: Mapping[str, Any], *, ports: Sequence[int] = ()
) -> AsyncIterator[tuple[AlertmanagerServer, AlertmanagerServer]]:
    """Two in a cluster, which share silences and what they have sent; each has its own alerts."""
    gossip, serving = (free_port(), free_port()), ports or (free_port(), free_port())
    async with AsyncExitStack() as parts:
        made = []
        for number, (own, other) in enumerate(zip(gossip, reversed(gossip), strict=True)):
            (folder / f"am-{number}").mkdir()
            args = [
                f"--cluster.listen-address=127.0.0.1:{own}",
                f"--cluster.peer=127.0.0.1:{other}",
                *("--cluster.peer-timeout=500ms", "--cluster.settle-timeout=1s"),
                *("--cluster.gossip-interval=50ms", "--cluster.pushpull-interval=1s"),
                *("--cluster.reconnect-interval=200ms", "--cluster.probe-interval=200ms"),
            ]
            server = alertmanager(folder / f"am-{number}", config, port=serving[number], args=args)
            made.append(await parts.enter_async_context(server))
        yield made[0], made[1]


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
        yield AlertmanagerServer(url, port, process, folder)


def _written(folder: Path, config: Mapping[str, Any] | Path) -> Path:
    if isinstance(config, Path):
        return config
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(dict(config)))
    return file


def _argv(folder: Path, file: Path, port: int, args: Sequence[str]) -> list[str]:
    # Debian's name, or upstream's
    program = shutil.which("prometheus-alertmanager") or "alertmanager"
    return [
        program,
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *(
            args
            if any("cluster.listen" in one for one in args)
            else ("--cluster.listen-address=", *args)
        ),
    ]
