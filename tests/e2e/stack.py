"""The whole loop on real parts, as small as it can be: a shop under supervisord, the exporter, Prometheus with the
bundled rules, Alertmanager, and a receiver that may restart the shop."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import yaml

from demo.releases.layout import Layout
from tests.servers.alertmanager import alertmanager, webhook_config
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start, until
from tests.servers.prometheus import PrometheusServer, prometheus, scrape
from tests.servers.receiver import ReceiverServer, receiver
from tests.servers.supervisor import Supervisord, supervisord

RULES = Path(__file__).parents[2] / "prometheus" / "rules"


@dataclass(frozen=True)
class Stack:
    shop_url: str
    supervisor: Supervisord
    receiver: ReceiverServer
    prometheus: PrometheusServer | None = None

    async def break_shop(self, kind: str) -> None:
        """Throws one of the shop's fault switches."""
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.shop_url}/admin/fault", json={"kind": kind}) as answer,
        ):
            assert answer.status < 300, await answer.text()

    def starts(self) -> int:
        """How often supervisord has started the shop: the outside evidence of a restart."""
        return (
            self.supervisor.config.with_name("supervisord.own.log")
            .read_text()
            .count("spawned: 'shop'")
        )

    async def healthy(self) -> bool:
        """Whether the shop answers."""
        return await answers(f"{self.shop_url}/health", patience=0.5)


@asynccontextmanager
async def shop_and_receiver(
    folder: Path, *, layout: Layout | None = None, **config: Any
) -> AsyncIterator[Stack]:
    """Only the healer and what it heals: the test plays Alertmanager. With a `layout` the shop is its current release,
    and may be rolled back; `release` in `config` are more keys of that facet."""
    port = free_port()
    argv = [sys.executable, "-m", "demo.shop", "--listen", f"127.0.0.1:{port}"]
    async with AsyncExitStack() as parts:
        programs = {"shop": argv}
        options = {"autorestart": "false", "startsecs": "0"}
        if layout is not None:
            layout.make()
            options |= {"directory": str(layout.current)}
        supervisor = await parts.enter_async_context(supervisord(folder, programs, **options))
        settings = receiver_config(supervisor, port)
        if layout is not None:
            settings["targets"]["shop"]["release"] = {
                "strategy": "symlink",
                "path": str(layout.path),
                "version": {"url": f"http://127.0.0.1:{port}/version", "json": "version"},
                **config.pop("release", {}),
            }
        settings |= config
        healer = await parts.enter_async_context(receiver(folder / "receiver", settings))
        made = Stack(f"http://127.0.0.1:{port}", supervisor, healer)
        await until(made.healthy, "the shop answers")
        yield made


@asynccontextmanager
async def stack(
    folder: Path, *, hook_url: str | None = None, **config: Any
) -> AsyncIterator[Stack]:
    """Everything; `hook_url` puts something between Alertmanager and the receiver."""
    async with AsyncExitStack() as parts:
        alerts_port, port = free_port(), free_port()
        asked = {
            "alertmanager": {"urls": [f"http://127.0.0.1:{alerts_port}"]},
            "prometheus": {"url": f"http://127.0.0.1:{port}"},
        }
        config = {**asked, **config}
        made = await parts.enter_async_context(shop_and_receiver(folder, **config))
        hook = webhook_config(
            hook_url or f"{made.receiver.url}/alerts", token_file=made.receiver.token_file
        )
        await parts.enter_async_context(alertmanager(folder, hook, port=alerts_port))
        exporter_port = free_port()
        await parts.enter_async_context(exporter(folder, exporter_port, made.shop_url))
        watching = prometheus_config(exporter_port, alerts_port)
        server = await parts.enter_async_context(prometheus(folder, watching, port=port))
        yield replace(made, prometheus=server)


@asynccontextmanager
async def exporter(folder: Path, port: int, shop_url: str) -> AsyncIterator[None]:
    """The real exporter, probing the shop every second."""
    file = folder / "exporter.yml"
    probe = {"name": "shop", "url": f"{shop_url}/health", "every": "1s", "timeout": "500ms"}
    file.write_text(
        yaml.safe_dump(
            {
                "server": {"listen": f"127.0.0.1:{port}"},
                "labels": {"service": "shop"},
                "endpoints": [{**probe, "service": "shop"}],
            }
        )
    )
    process = start("exporter", [sys.executable, "-m", "exporter", "--config", str(file)], folder)
    async with running(process, lambda: answers(f"http://127.0.0.1:{port}/-/ready")):
        yield


def receiver_config(supervisor: Supervisord, shop_port: int) -> dict[str, Any]:
    """One target, one playbook: an endpoint that fails is answered by a restart."""
    return {
        "mode": "auto",
        "targets": {
            "shop": {
                "matchers": ['service="shop"'],
                "process": {"manager": "supervisor", "name": "shop", "url": supervisor.url},
                "http": {"base_url": f"http://127.0.0.1:{shop_port}"},
            }
        },
        "playbooks": [
            {
                "name": "availability",
                "matchers": ['action="availability"'],
                "mode": "auto",
                "ladder": [{"action": "restart", "up_for": "500ms"}],
                "verify": {
                    "settle": "500ms",
                    "within": "10s",
                    "every": "500ms",
                    "need": 2,
                    "checks": [{"http": {"path": "/health"}}],
                },
            }
        ],
    }


def prometheus_config(exporter_port: int, alertmanager_port: int) -> dict[str, Any]:
    """The bundled rules, looked at every second."""
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES / "endpoints.rules.yml")],
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager_port}"]}]}]
        },
        "scrape_configs": [scrape("exporter", f"127.0.0.1:{exporter_port}", service="shop")],
    }
