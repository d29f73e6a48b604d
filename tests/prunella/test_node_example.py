"""docs/examples/node beside the kit: the same names, types, labels and rules."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from prunella.metrics import REGISTRY
from prunella.middleware import measure
from tests.servers.node_app import SOURCE, node_app
from tests.servers.process import ServerProcess

pytestmark = pytest.mark.server


@dataclass
class App:
    url: str
    process: ServerProcess
    session: aiohttp.ClientSession

    async def get(self, path: str, **headers: str) -> tuple[int, str, str]:
        """Status, correlation id and body."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self.session.get(self.url + path, headers=sent) as answer:
            return answer.status, answer.headers["X-Correlation-ID"], await answer.text()

    async def families(self) -> dict[str, Metric]:
        _, _, text = await self.get("/metrics")
        return {family.name: family for family in text_string_to_metric_families(text)}

    async def value(self, sample: str, **labels: str) -> float:
        found = [
            one.value
            for family in (await self.families()).values()
            for one in family.samples
            if one.name == sample and one.labels == labels
        ]
        return found[0] if found else 0.0


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[App]:
    async with node_app(tmp_path) as (url, process), aiohttp.ClientSession() as session:
        yield App(url, process, session)


async def test_names_types_labels_and_buckets_are_the_kits(app: App) -> None:
    await app.get("/orders/7")
    await app.get("/fail/7")
    measure.Measured("GET", "/orders/{id}").__enter__().end(200)
    theirs, ours = await app.families(), {family.name: family for family in REGISTRY.collect()}
    for name in ("http_requests", "http_request_duration_seconds", "http_requests_in_progress"):
        assert theirs[name].type == ours[name].type
        assert labels(theirs[name]) == labels(ours[name])
    assert labels(theirs["app_errors"]) == {"severity", "fingerprint"}
    assert labels(theirs["app_operation_seconds"]) == {"kind", "name", "outcome", "le"}


def labels(family: Metric) -> set[str]:
    """All label names, and the bounds of buckets, of a family."""
    return {name for sample in family.samples for name in sample.labels}


@pytest.mark.parametrize(
    ("path", "route", "status"),
    [
        ("/orders/7", "/orders/:id", "200"),
        ("/api/acme/items/9", "/api/:tenant/items/:id", "200"),
        ("/nowhere/7", "other", "404"),
        ("/fail/7", "/fail/:id", "500"),
    ],
)
async def test_a_request_is_counted_once_under_its_template(
    app: App, path: str, route: str, status: str
) -> None:
    await app.get(path)
    assert await app.value("http_requests_total", method="GET", route=route, status=status) == 1


async def test_the_correlation_id_is_taken_in_and_given_back(app: App) -> None:
    status, shown, body = await app.get("/orders/7", X_Correlation_ID="req-1")
    assert (status, shown, json.loads(body)["as"]) == (200, "req-1", "req-1")
    _, shown, _ = await app.get("/orders/7", X_Correlation_ID="a b")
    assert (len(shown), shown.isalnum()) == (32, True)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    _, shown, _ = await app.get("/orders/7", traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert shown == trace


async def test_errors_that_differ_in_numbers_are_one_fingerprint(app: App) -> None:
    for number in range(5):
        await app.get(f"/fail/{number}")
    samples = [one for one in (await app.families())["app_errors"].samples if one.value]
    assert [(one.labels["severity"], one.value) for one in samples] == [("error", 5.0)]


async def test_a_log_line_is_json_with_the_id_and_without_secrets(app: App) -> None:
    await app.get("/orders/7", X_Correlation_ID="req-1")
    line = json.loads(app.process.output().splitlines()[-1])
    assert (line["logger"], line["msg"], line["correlation_id"]) == (
        "UserService",
        "order shown",
        "req-1",
    )
    assert (line["order"], line["api_key"]) == ("7", "***")


async def test_a_thousand_hostile_paths_make_no_series(app: App) -> None:
    for number in range(1000):
        await app.get(f"/{number}/x")
    assert await app.value("http_requests_total", method="GET", route="other", status="404") == 1000
    assert len((await app.families())["http_requests"].samples) <= 3


def test_the_document_shows_the_lines_that_the_app_has() -> None:
    document, code = (SOURCE.parents[1] / "node.md").read_text(), (SOURCE / "app.js").read_text()
    shown = document.partition("```js\n")[2].partition("```")[0]
    for line in filter(None, shown.splitlines()):
        assert line in code, line
