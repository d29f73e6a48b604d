"""The exporter as Sentry's clients see it: the real ones of Python and Node, and rude ones."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import sys
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import brotli  # type: ignore[import-untyped]  # it has no types
import pytest

from exporter.settings import read
from prunella.service.settings import ConfigError
from tests.exporter.serving import Served, serving
from tests.servers.node_app import INSTALLED, SOURCE, node_app
from tests.servers.npm import installed
from tests.servers.process import until
from tests.servers.sentry import sentry_stand_in

KEY = "0123456789abcdef0123456789abcdef"
PROJECT = {"id": "1", "key": KEY, "service": "shop"}
AUTH = {"X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={KEY}, sentry_client=test/1"}


@asynccontextmanager
async def taking(tmp_path: Path, **project: Any) -> AsyncIterator[Served]:
    async with serving(tmp_path, intake={"projects": [{**PROJECT, **project}]}) as served:
        yield served


def dsn(served: Served) -> str:
    return served.url.replace("http://", f"http://{KEY}@") + "/1"


def envelope(number: int = 1, **event: Any) -> bytes:
    name = f"{number:032x}"
    told = {"event_id": name, "level": "error", "message": "order lost", "release": "1.0", **event}
    return b"\n".join(json.dumps(part).encode() for part in ({"event_id": name}, {"type": "event"}, told))  # fmt: skip


async def send(
    served: Served, body: bytes, headers: Mapping[str, str] = AUTH, path: str = "/api/1/envelope/"
) -> tuple[int, dict[str, Any]]:
    async with served.session.post(served.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def errors(served: Served) -> dict[tuple[str, str], float]:
    """Counts by release and severity of the service."""
    found: dict[tuple[str, str], float] = {}
    for family in await served.metrics():
        for sample in family.samples if family.name == "app_errors" else ():
            if sample.labels.get("service") == "shop":
                key = sample.labels["release"], sample.labels["severity"]
                found[key] = found.get(key, 0.0) + sample.value
    return found


async def results(served: Served) -> dict[str, float]:
    families = {family.name: family for family in await served.metrics("?collect[]=intake")}
    events = families.get("prunella_intake_events")
    return {one.labels["result"]: one.value for one in events.samples} if events else {}


async def test_an_event_is_counted_with_service_release_and_severity(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        assert await send(served, envelope()) == (200, {"id": f"{1:032x}"})
        assert await send(served, envelope(2, level="fatal"))
        assert await errors(served) == {("1.0", "error"): 1, ("1.0", "critical"): 1}


async def test_an_event_that_is_sent_again_is_one(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        for _ in range(3):
            await send(served, envelope())
        assert await errors(served) == {("1.0", "error"): 1}
        assert await results(served) == {"counted": 1, "repeated": 2}


@pytest.mark.parametrize(
    ("name", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("br", brotli.compress)],
)
async def test_a_compressed_envelope_is_unpacked(tmp_path: Path, name: str, pack: Any) -> None:
    async with taking(tmp_path) as served:
        headers = {**AUTH, "Content-Encoding": name}
        assert (await send(served, pack(envelope()), headers))[0] == 200
        assert await errors(served) == {("1.0", "error"): 1}


async def test_a_bomb_is_refused_when_it_is_too_large(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        headers = {**AUTH, "Content-Encoding": "gzip"}
        status, _ = await send(served, gzip.compress(b"\0" * 50_000_000), headers)
        assert status == 413


async def test_the_older_store_endpoint_and_the_key_in_the_query_are_understood(
    tmp_path: Path,
) -> None:
    async with taking(tmp_path) as served:
        body = json.dumps({"event_id": "a" * 32, "message": "x", "release": "1.0"}).encode()
        path = f"/api/1/store/?sentry_key={KEY}&sentry_version=7"
        assert (await send(served, body, {}, path))[0] == 200
        assert await errors(served) == {("1.0", "error"): 1}


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "/api/1/envelope/", 401),
        ({"X-Sentry-Auth": "Sentry sentry_key=0123456789abcdef"}, "/api/1/envelope/", 401),
        (AUTH, "/api/2/envelope/", 401),
        (AUTH, "/api/1/other/", 404),
        (AUTH, "/api/x/envelope/", 404),
    ],
)
async def test_who_has_not_the_dsn_is_refused(
    tmp_path: Path, headers: dict[str, str], path: str, status: int
) -> None:
    async with taking(tmp_path) as served:
        assert (await send(served, envelope(), headers, path))[0] == status
        assert await errors(served) == {}


async def test_what_is_no_envelope_is_refused_and_counted(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        assert (await send(served, b"nonsense"))[0] == 400
        assert await results(served) == {"malformed": 1}


async def test_a_project_may_send_so_much_a_minute(tmp_path: Path) -> None:
    async with taking(tmp_path, per_minute=3) as served:
        statuses = [(await send(served, envelope(number)))[0] for number in range(5)]
        assert statuses[:3] == [200, 200, 200]
        assert 429 in statuses[3:]


async def test_without_projects_there_is_nothing_here(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        assert (await send(served, envelope()))[0] == 404


async def test_the_page_stays_what_promtool_calls_clean(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        await send(served, envelope(release='1"\n0'))
        _, page = await served.get("/metrics")
    assert page.count("# TYPE app_errors_total counter") == 1


async def test_events_are_passed_on_with_the_upstreams_dsn(tmp_path: Path) -> None:
    async with sentry_stand_in() as sentry, taking(tmp_path, upstream=sentry.dsn) as served:
        await send(served, envelope())
        await until(lambda: bool(sentry.events), "the event is at Sentry")
    assert sentry.events[f"{1:032x}"]["message"] == "order lost"


CLIENT = """
import os, sentry_sdk
sentry_sdk.init(os.environ["DSN"], release="1.2.0")
def load(number):
    raise KeyError(f"no order {number}")
for number in range(5):
    try:
        load(number)
    except KeyError as error:
        sentry_sdk.capture_exception(error)
sentry_sdk.capture_message("exported", level="warning")
sentry_sdk.flush(5)
"""


async def run(*argv: str, **environ: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv, env={"PATH": os.environ["PATH"], **environ})  # fmt: skip
    async with asyncio.timeout(40):
        assert await process.wait() == 0


async def test_the_sdk_of_python_is_counted(tmp_path: Path) -> None:
    async with taking(tmp_path) as served:
        await run(sys.executable, "-c", CLIENT, DSN=dsn(served))
        assert await errors(served) == {("1.2.0", "error"): 5, ("1.2.0", "warning"): 1}
        (series,) = [one for family in await served.metrics() if family.name == "app_errors"
                     for one in family.samples if one.labels.get("severity") == "error" and one.labels.get("service")]  # fmt: skip
        assert series.value == 5


NODE = """
const Sentry = require('@sentry/node');
Sentry.init({ dsn: process.env.DSN, release: '1.2.0' });
function load(number) { throw new Error('no order ' + number); }
for (let n = 0; n < 5; n++) { try { load(n); } catch (error) { Sentry.captureException(error, { extra: { pad: String(Math.random()).repeat(4000) } }); } }
Sentry.captureMessage('exported', 'warning');
Sentry.flush(5000).then(() => process.exit(0));
"""


@pytest.mark.server
async def test_the_sdk_of_node_is_counted(tmp_path: Path) -> None:
    node = await asyncio.to_thread(installed, SOURCE / "package.json", INSTALLED)
    async with taking(tmp_path) as served:
        await run(node, "-e", NODE, DSN=dsn(served), NODE_PATH=str(INSTALLED / "node_modules"))
        assert await errors(served) == {("1.2.0", "error"): 5, ("1.2.0", "warning"): 1}


@pytest.mark.server
async def test_the_example_app_of_node_sends_what_it_has_not_caught(tmp_path: Path) -> None:
    async with taking(tmp_path) as served, node_app(tmp_path, SENTRY_DSN=dsn(served)) as (url, _):
        async with aiohttp.ClientSession() as session:
            for number in range(3):
                async with session.get(f"{url}/fail/{number}") as answer:
                    assert answer.status == 500

        async def counted() -> bool:
            return await errors(served) == {("1.2.0", "error"): 3}

        await until(counted, "all three are counted")


@pytest.mark.parametrize(
    ("project", "says"),
    [
        ({"id": "x"}, "number at the end of the DSN"),
        ({"key": "short"}, "openssl rand"),
        ({"upstream": "http://no-key/1"}, "must be a DSN"),
        ({"service": ""}, "must not be empty"),
        ({"per_minute": 0}, "greater than or equal to 1"),
    ],
)
def test_a_project_that_will_not_do_is_refused_at_start(
    tmp_path: Path, project: dict[str, Any], says: str
) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(json.dumps({"intake": {"projects": [{**PROJECT, **project}]}}))
    with pytest.raises(ConfigError, match=says) as caught:
        read(file, {})
    assert KEY not in str(caught.value)


def test_two_projects_cannot_share_an_id(tmp_path: Path) -> None:
    file = tmp_path / "exporter.yml"
    file.write_text(json.dumps({"intake": {"projects": [PROJECT, {**PROJECT, "service": "b"}]}}))
    with pytest.raises(ConfigError, match="the id '1' is given twice"):
        read(file, {})
