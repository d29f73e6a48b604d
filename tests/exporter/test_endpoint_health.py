from __future__ import annotations

import json
from pathlib import Path

from aiohttp import web

from exporter.collectors.base import World
from exporter.collectors.endpoints import Endpoint, EndpointEntry
from exporter.endpoint_health import look_at_endpoints
from exporter.probing.outcome import Outcome, Reason
from exporter.report import Status
from tests.exporter.probing.asking import pages
from tests.exporter.reading import value
from tests.exporter.serving import Served, serving
from tests.servers.ports import free_port
from tests.servers.process import until


def seen(name: str, *outcomes: Outcome) -> Endpoint:
    entry = EndpointEntry.model_validate({"name": name, "url": "http://u:hunter2@a", "kind": "ai"})
    endpoint = Endpoint(entry, World())
    for outcome in outcomes:
        endpoint.latest = outcome
        endpoint.failures_in_a_row += outcome.reason is not None
    return endpoint


async def test_one_that_fails_degrades_and_is_named() -> None:
    good, bad = Outcome(seconds=0.25), Outcome(seconds=5.0, reason=Reason.TIMEOUT)
    report = await look_at_endpoints([seen("a", good), seen("b", bad, bad)])
    assert (report.status, report.code) == (Status.DEGRADED, 200)
    assert report.details["endpoints"] == [
        {"name": "a", "status": "healthy", "responseTime": "250ms", "consecutiveFailures": 0},
        {"name": "b", "status": "degraded", "responseTime": "5000ms", "consecutiveFailures": 2,
         "reason": "timeout"},
    ]  # fmt: skip


async def test_one_that_nobody_has_seen_is_unknown_and_does_not_degrade() -> None:
    report = await look_at_endpoints([seen("a")])
    assert report.status is Status.HEALTHY
    assert report.details["endpoints"][0]["status"] == "unknown"


async def test_ai_and_external_apis_are_a_part_of_the_health_of_all(tmp_path: Path) -> None:
    async def fine(_: web.Request) -> web.Response:
        return web.Response(text="ok")

    async with pages(fine) as server:
        endpoints = [
            {"name": "models", "kind": "ai", "url": str(server.make_url("/v1/models"))},
            {"name": "mail", "kind": "external", "url": f"http://127.0.0.1:{free_port()}/"},
            {"name": "own", "url": f"http://127.0.0.1:{free_port()}/"},
        ]
        async with serving(tmp_path, endpoints=endpoints, health={"memory": 1}) as served:
            await until(lambda: _seen(served), "three probes")
            status, text = await served.get("/api/health")
            found = await served.metrics()
            external = json.loads((await served.get("/api/health/external"))[1])
    assert status == 200
    answer = json.loads(text)
    assert answer["checks"] == {"app": "healthy", "ai": "healthy", "external": "degraded"}
    assert answer["status"] == "degraded"
    assert external["endpoints"][0]["reason"] == "connect"
    assert value(found, "prunella_endpoint_info", endpoint="models", kind="ai") == 1


async def _seen(served: Served) -> bool:
    found = await served.metrics()
    return all(value(found, "probe_success", endpoint=e) is not None for e in ("models", "mail"))
