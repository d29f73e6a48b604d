"""A launch watch on real parts, its hours made seconds: an app that gets worse after its deploy, and a real Prometheus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.degrading_app import App, degrading_app
from tests.receiver.web.serving import READ, Client, serving
from tests.servers.process import until
from tests.servers.prometheus import PrometheusServer, prometheus, scrape

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

PATH = "/api/v1/releases"
WATCH = {
    "phases": [{"until": "12s", "every": "3s"}, {"until": "18s", "every": "3s"}],
    "window": "4s",
    "baseline": "5s",
    "min_traffic": 1,
}


async def watched(client: Client) -> dict[str, Any]:
    answer = await client.ask("GET", f"{PATH}/1/watch", token=READ)
    watch: dict[str, Any] = answer.json
    return watch


async def findings(client: Client) -> list[str]:
    return [one["finding"] for one in (await watched(client))["checkpoints"]]


async def worse(client: Client) -> set[str]:
    """The signals that some checkpoint has found degraded."""
    checkpoints = (await watched(client))["checkpoints"]
    signals = [each for one in checkpoints for each in one["signals"]]
    return {each["signal"] for each in signals if each["finding"] == "degraded"}


async def well_known(server: PrometheusServer) -> None:
    """Until Prometheus has seen enough of the app for a baseline."""

    async def seen() -> bool:
        found = await server.query(
            'min_over_time(sum(rate(http_requests_total{service="shop"}[4s]))[5s:1s])'
        )
        return any(value > 2 for value in found.values())

    await until(seen, "Prometheus has seen five seconds of traffic")


async def gets_worse(client: Client, app: App) -> None:
    """One checkpoint that passes; then it is slow and fails, until checkpoints have seen both."""

    async def passed() -> bool:
        return "pass" in await findings(client)

    await until(passed, "a checkpoint passes")
    app.seconds, app.failing, app.megabytes = 0.5, 0.3, 420.0

    async def degraded() -> bool:
        return await worse(client) >= {"errors", "p95", "memory"}

    await until(degraded, "checkpoints find errors, latency and memory degraded")
    app.seconds, app.failing = 0.01, 0.0


async def test_what_gets_worse_after_its_deploy_is_seen_told_and_drawn(tmp_path: Path) -> None:
    async with degrading_app() as app:
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [scrape("shop", app.address, service="shop")],
        }
        async with (
            prometheus(tmp_path, config) as server,
            serving(tmp_path, launch_watch=WATCH, prometheus={"url": server.url}) as client,
        ):
            await well_known(server)
            said = {"target": "shop", "version": "v2", "state": "finished"}
            assert (await client.ask("POST", PATH, json=said)).status == 200
            await gets_worse(client, app)

            async def ended() -> bool:
                return (await watched(client))["outcome"] is not None

            await until(ended, "the watch is over", deadline=60.0)
            watch = await watched(client)
            assert watch["baseline"]["p95"]["source"] == "before the deploy"
            drawn = await client.session.get(
                f"{client.url}{PATH}/1/picture", headers={"Authorization": f"Bearer {READ}"}
            )
            png = await drawn.read()
            assert png.startswith(b"\x89PNG")
            keep(watch, png)


def keep(watch: dict[str, Any], png: bytes) -> None:
    """For whoever wants to look: `PRUNELLA_PICTURES=folder`."""
    if folder := os.environ.get("PRUNELLA_PICTURES"):
        Path(folder, "launch-watch.png").write_bytes(png)
        Path(folder, "launch-watch.txt").write_text("\n".join(watch["report"]))
