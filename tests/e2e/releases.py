"""The shop with its releases, deployed as a CI job does it, on the parts of tests.e2e.stack."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from demo.releases.layout import Layout
from demo.releases.ledger import ReceiversLedger
from demo.releases.rollout import Rollout, asked, supervised
from demo.releases.versions import GOOD
from tests.e2e.stack import Stack, shop_and_receiver, stack
from tests.servers.receiver import OPERATE_TOKEN

ROLLBACK = {"name": "rollback", "action": "rollback", "up_for": "500ms", "prove_within": "10s"}


@dataclass(frozen=True)
class Released:
    """`deploys` is the CI job."""

    parts: Stack
    layout: Layout
    deploys: Rollout

    async def deploy(self, version: str) -> None:
        """One that comes up as what it is."""
        assert await self._deploy(version, patience=30.0)

    async def deploy_in_vain(self, version: str) -> None:
        """One that never says that it is that version."""
        assert not await self._deploy(version, patience=1.0)

    async def _deploy(self, version: str, patience: float) -> bool:
        job = replace(self.deploys, patience=patience)
        return await job.deploy(version, lambda stage, detail: None)

    async def states(self) -> dict[str, str]:
        """Of each version, as its newest entry in the ledger says."""
        found = await self.deploys.ledger.releases()
        return {str(one["version"]): str(one["state"]) for one in reversed(found)}


def ladder(*before: dict[str, Any]) -> dict[str, Any]:
    """Playbooks that go back at last."""
    checks = [{"http": {"path": "/health"}}]
    fast = {"settle": "500ms", "within": "5s", "every": "500ms", "need": 2, "checks": checks}
    book = {"matchers": ['action="availability"'], "mode": "auto", "cooldown": "0"}
    return {"name": "availability", **book, "ladder": [*before, ROLLBACK], "verify": fast}


@asynccontextmanager
async def released(folder: Path, *, loop: bool, **config: Any) -> AsyncIterator[Released]:
    """The first release serves, and may be gone back to; `loop`: with Prometheus and Alertmanager."""
    layout = Layout(folder / "shop")
    made = stack if loop else shop_and_receiver
    async with (
        made(folder, layout=layout, **config) as parts,
        aiohttp.ClientSession() as session,
    ):
        ledger = ReceiversLedger(session, parts.receiver.url, OPERATE_TOKEN)
        reload = supervised(parts.supervisor.config)
        deploys = Rollout(layout, ledger, asked(session, parts.shop_url), reload)
        await ledger.say("finished", GOOD, compatible_down_to=GOOD)
        await ledger.mark(GOOD)
        yield Released(parts, layout, deploys)


@asynccontextmanager
async def always_well() -> AsyncIterator[str]:
    """A Prometheus to which everything was 1 at all times; its address."""

    async def one(request: web.Request) -> web.Response:
        result = [{"metric": {}, "value": [time.time(), "1"]}]
        return web.json_response(
            {"status": "success", "data": {"resultType": "vector", "result": result}}
        )

    app = web.Application()
    app.router.add_route("*", "/api/v1/query", one)
    server = TestServer(app)
    await server.start_server()
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


def down() -> dict[str, Any]:
    """An alert that begins now, as Alertmanager sends it."""
    began = datetime.now(UTC).isoformat()
    labels = {"alertname": "EndpointDown", "service": "shop", "severity": "critical"}
    return {"status": "firing", "labels": {**labels, "action": "availability"}, "startsAt": began}
