"""Incidents for a page to show: delivered to a receiver that asks before it acts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.receiver.console.visiting import Browser, visiting
from tests.receiver.rig import CONFIG, firing
from tests.receiver.web.serving import OPERATE, Client
from tests.servers.process import until

ONE_RUNG: dict[str, Any] = {
    **CONFIG["playbooks"][0],
    "ladder": CONFIG["playbooks"][0]["ladder"][:1],
}


async def deliver(client: Client, *alerts: dict[str, Any]) -> None:
    body = json.dumps({"version": "4", "alerts": list(alerts)}).encode()
    assert (await client.alerts(body)).status == 202


async def incident(client: Client, number: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = (await client.ask("GET", f"/api/v1/incidents/{number}")).json
    return found


async def until_state(client: Client, state: str, number: int = 1) -> None:
    async def reached() -> bool:
        return (await incident(client, number)).get("state") == state

    await until(reached, f"incident {number} is {state}")


@asynccontextmanager
async def asking(
    folder: Path, token: str = OPERATE, alert: dict[str, Any] | None = None, **changes: Any
) -> AsyncIterator[tuple[Browser, Client]]:
    """A logged-in browser, and incident 1 that waits for an approval."""
    config: dict[str, Any] = {"mode": "approve", "playbooks": [ONE_RUNG], "channels": {}, **changes}
    async with visiting(folder, **config) as (browser, client):
        await deliver(client, alert or firing())
        await until_state(client, "AWAITING_APPROVAL")
        await browser.login(token)
        yield browser, client
