"""The running containers, as somebody at the machine's shell reaches them."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

import aiohttp

from tests.compose.shipped import ROOT

PORTS = {
    "receiver": os.environ.get("PRUNELLA_RECEIVER_PORT", "9651"),
    "receiver-a": os.environ.get("PRUNELLA_RECEIVER_PORT", "9651"),
    "receiver-b": os.environ.get("PRUNELLA_RECEIVER_B_PORT", "9661"),
    "alertmanager-a": os.environ.get("PRUNELLA_ALERTMANAGER_PORT", "9093"),
    "shop": os.environ.get("PRUNELLA_SHOP_PORT", "9652"),
    "prometheus": os.environ.get("PRUNELLA_PROMETHEUS_PORT", "9090"),
}


def compose(*words: str) -> subprocess.CompletedProcess[str]:
    """`docker compose …`; the project's name and the engine's address are in the environment."""
    argv = ["docker", "compose", "-f", str(ROOT / "docker-compose.yml"), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=90)


def running() -> list[str]:
    return sorted(compose("ps", "--services", "--status", "running").stdout.split())


def inside(service: str, *command: str) -> str:
    """What a command in the service's container prints, errors included."""
    done = compose("exec", "-T", service, *command)
    return done.stdout + done.stderr


def rights(service: str) -> dict[str, str]:
    """The kernel's word on a process of the container: Uid, CapEff, NoNewPrivs …"""
    lines = inside(service, "cat", "/proc/self/status").splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


async def ask(service: str, path: str, token: str = "", patience: float = 20.0) -> Any:
    """The JSON answer of a published port, or the status when it is none. Ten containers that start leave little to any."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=patience)) as session,
        session.get(f"http://127.0.0.1:{PORTS[service]}{path}", headers=headers) as answer,
    ):
        return json.loads(await answer.text()) if answer.status == 200 else answer.status


async def measured(query: str, value: float) -> bool:
    """Whether Prometheus says so now."""
    answer = await ask("prometheus", f"/api/v1/query?query={query}")
    result = answer["data"]["result"]
    return bool(result) and float(result[0]["value"][1]) == value


async def answers() -> bool:
    """Whether the shop serves."""
    try:
        return bool(await ask("shop", "/products", patience=3.0))
    except (aiohttp.ClientError, TimeoutError):
        return False


async def silent() -> bool:
    return not await answers()


async def break_shop(kind: str) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"http://127.0.0.1:{PORTS['shop']}/admin/fault", json={"kind": kind}
        ) as answer,
    ):
        assert answer.status == 200, await answer.text()
