from __future__ import annotations

import asyncio
import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from tests.exporter.reading import names, samples, value
from tests.exporter.serving import Served, sent, serving
from tests.servers.ports import free_port
from tests.servers.postgres import postgres_server
from tests.servers.process import until
from tests.servers.redis import redis_server

PROMTOOL = shutil.which("promtool")
TIMEOUT = "X_Prometheus_Scrape_Timeout_Seconds"


def redis_at(url: str, name: str = "cache") -> dict[str, Any]:
    return {"redis": [{"name": name, "url": url}]}


def nowhere() -> str:
    return f"redis://:hunter2@127.0.0.1:{free_port()}/0"


def listen_of(served: Served) -> dict[str, Any]:
    server: dict[str, Any] = yaml.safe_load(served.file.read_text())["server"]
    return server


async def test_the_machine_and_our_own_process_are_served(tmp_path: Path) -> None:
    async with serving(tmp_path, host={}) as served:
        found = await served.metrics()
    assert {"node_load1", "process_resident_memory_bytes", "prunella_build_info"} <= names(found)
    assert value(found, "prunella_scrape_collector_success", collector="host") == 1
    assert value(found, "prunella_config_last_reload_successful") == 1


async def test_a_dead_server_is_down_with_200(tmp_path: Path) -> None:
    async with serving(tmp_path, host={}, **redis_at(nowhere())) as served:
        found = await served.metrics()
    assert value(found, "redis_up", name="cache") == 0
    assert value(found, "prunella_scrape_collector_success", collector="redis") == 0
    assert value(found, "prunella_scrape_collector_success", collector="host") == 1


@pytest.mark.server
async def test_a_hanging_server_is_down_within_the_scrapes_own_time(tmp_path: Path) -> None:
    async with (
        redis_server() as server,
        serving(tmp_path, host={}, **redis_at(server.url)) as served,
    ):
        assert value(await served.metrics(), "redis_up") == 1
        server.hang()
        began = time.monotonic()
        found = await served.metrics(**sent(**{TIMEOUT: "1.2"}))
        assert time.monotonic() - began < 5  # it would hang for ever
        assert value(found, "redis_up") == 0
        assert value(found, "node_load1") is not None
        server.wake()
        assert value(await served.metrics(), "redis_up") == 1


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("", {"host", "redis"}),
        ("?collect[]=host", {"host"}),
        ("?collect[]=host&collect[]=redis", {"host", "redis"}),
        ("?exclude[]=host", {"redis"}),
    ],
)
async def test_a_scrape_may_choose_its_collectors(
    tmp_path: Path, query: str, asked: set[str]
) -> None:
    async with serving(tmp_path, host={}, **redis_at(nowhere())) as served:
        found = samples(await served.metrics(query), "prunella_scrape_collector_success")
    assert {sample.labels["collector"] for sample in found} == asked


@pytest.mark.parametrize(
    ("query", "headers", "said"),
    [
        ("?collect[]=host&exclude[]=host", {}, "together"),
        ("?collect[]=nope", {}, "no collector 'nope' here, only: host"),
        ("?exclude[]=postgres", {}, "no collector 'postgres'"),
        ("", {TIMEOUT: "soon"}, "must be a number above 0, not 'soon'"),
    ],
)
async def test_a_scrape_that_makes_no_sense_is_told_why(
    tmp_path: Path, query: str, headers: dict[str, str], said: str
) -> None:
    async with serving(tmp_path, host={}) as served:
        status, text = await served.get(f"/metrics{query}", **sent(**headers))
    answer = json.loads(text)
    assert (status, answer["reason"]) == (400, "bad_scrape")
    assert said in answer["error"]


async def test_the_default_service_is_on_every_series_of_the_collectors(tmp_path: Path) -> None:
    async with serving(
        tmp_path, host={}, labels={"service": "shop"}, **redis_at(nowhere())
    ) as served:
        found = await served.metrics()
    ours = [s for f in found for s in f.samples if s.name.startswith(("node_", "redis_", "probe_"))]
    assert {sample.labels.get("service") for sample in ours} == {"shop"}


@pytest.mark.server
@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
async def test_promtool_has_nothing_to_say_about_our_names(tmp_path: Path) -> None:
    endpoints = [{"name": "gone", "url": f"http://127.0.0.1:{free_port()}"}]
    processes = [{"name": "python", "match": "python"}]
    with postgres_server() as database:
        async with redis_server() as server:
            queues = [{"system": "bullmq", "url": server.url, "queues": ["a"], "lag": {}}]
            keys: dict[str, Any] = {
                "host": {},
                "endpoints": endpoints,
                "processes": processes,
                "queues": queues,
            }
            postgres = [{"name": "main", "url": database.url("postgres")}]
            async with serving(
                tmp_path, **keys, **redis_at(server.url), postgres=postgres
            ) as served:
                _, text = await served.get("/metrics")
                _, newer = await served.get("/metrics", Accept="application/openmetrics-text")
    types = {family.name: family.type for family in openmetrics(newer)}  # type: ignore[no-untyped-call] # the library's own
    assert types["pg_stat_database_xact_commit"] == "unknown"
    check = await asyncio.create_subprocess_exec(
        str(PROMTOOL), "check", "metrics",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await check.communicate(text.encode())
    # A de facto name keeps its owner's habits: node_exporter writes MemTotal, postgres_exporter no _total.
    theirs = (
        "node_memory_",
        "node_netstat_",
        "node_sockstat_",
        "pg_",
        "redis_",
        "pgbouncer_",
        "namedprocess_",
    )
    assert [line for line in said.decode().splitlines() if not line.startswith(theirs)] == []


async def test_head_answers_without_a_body(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, host={}) as served,
        served.session.head(f"{served.url}/metrics") as response,
    ):
        assert response.status == 200
        assert await response.read() == b""


async def test_the_landing_page_is_html(tmp_path: Path) -> None:
    async with (
        serving(tmp_path, host={}) as served,
        served.session.get(f"{served.url}/") as response,
    ):
        assert response.content_type == "text/html"
        assert "/metrics?collect[]=host" in await response.text()


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_it_says_that_it_runs(tmp_path: Path, path: str) -> None:
    async with serving(tmp_path) as served:
        status, _ = await served.get(path)
    assert status == 200


async def test_health_has_the_shape_of_the_operators_document(tmp_path: Path) -> None:
    async with serving(tmp_path, health={"memory": 1}) as served:
        status, text = await served.get("/api/health/app")
    answer = json.loads(text)
    assert (status, answer["status"]) == (200, "healthy")
    assert set(answer) == {"status", "timestamp", "uptime", "memory"}
    assert set(answer["memory"]["system"]) == {"total", "free", "usagePercent"}


async def test_health_of_a_machine_without_memory_is_503(tmp_path: Path) -> None:
    async with serving(tmp_path, health={"memory": 0.0001}) as served:
        status, text = await served.get("/api/health")
    assert status == 503
    assert json.loads(text)["checks"] == {"app": "unhealthy"}


@pytest.mark.parametrize("what", ["db", "queue", "ai", "external"])
async def test_what_nobody_configured_is_not_healthy(tmp_path: Path, what: str) -> None:
    async with serving(tmp_path) as served:
        status, text = await served.get(f"/api/health/{what}")
    assert (status, json.loads(text)["reason"]) == (404, "not_configured")


async def test_what_is_not_built_is_not_there(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        status, text = await served.get("/nope")
    assert (status, json.loads(text)["reason"]) == (404, "not_found")


async def test_a_reload_puts_the_new_file_in_force(tmp_path: Path) -> None:
    async with serving(tmp_path, host={}) as served:
        served.write(server=listen_of(served), **redis_at(nowhere(), "new"))
        assert await served.post("/-/reload") == (200, {"status": "reloaded"})
        found = await served.metrics()
    assert value(found, "redis_up", name="new") == 0
    assert value(found, "node_load1") is None


async def test_a_bad_file_leaves_the_old_one_in_force_and_says_so(tmp_path: Path) -> None:
    async with serving(tmp_path, host={}) as served:
        good = served.file.read_text()
        served.write(hots={}, redis=[{}])
        status, answer = await served.post("/-/reload")
        found = await served.metrics()
        assert (status, answer["reason"]) == (503, "config_refused")
        assert "hots: unknown key (did you mean host?)" in answer["error"]
        assert value(found, "node_load1") is not None
        assert value(found, "prunella_config_last_reload_successful") == 0
        served.file.write_text(good)
        await served.post("/-/reload")
        assert value(await served.metrics(), "prunella_config_last_reload_successful") == 1


async def test_another_address_needs_a_restart_and_is_refused_as_a_whole(tmp_path: Path) -> None:
    async with serving(tmp_path, host={}) as served:
        served.write(server={"listen": f"127.0.0.1:{free_port()}"}, **redis_at(nowhere()))
        status, answer = await served.post("/-/reload")
        found = await served.metrics()
    assert status == 503
    assert "server.listen: a change takes effect only with a restart" in answer["error"]
    assert value(found, "redis_up") is None


async def test_beyond_loopback_nobody_reloads_over_http(tmp_path: Path) -> None:
    async with serving(tmp_path, listen_host="0.0.0.0") as served:
        status, answer = await served.post("/-/reload")
    assert (status, answer["reason"]) == (403, "not_loopback")
    assert "SIGHUP" in answer["error"]


async def test_a_reload_is_a_post(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        status, _ = await served.get("/-/reload")
    assert status == 405


async def test_no_secret_of_the_config_is_on_any_page(tmp_path: Path) -> None:
    async with serving(tmp_path, **redis_at(nowhere())) as served:
        for path in ("/", "/metrics", "/api/health", "/api/health/app", "/metrics?collect[]=x"):
            _, text = await served.get(path)
            assert "hunter2" not in text


async def test_openmetrics_is_valid_to_its_own_parser(tmp_path: Path) -> None:
    processes = [{"name": "python", "match": "python"}]
    async with serving(tmp_path, host={}, processes=processes, **redis_at(nowhere())) as served:
        status, text = await served.get("/metrics", Accept="application/openmetrics-text")
    families = list(openmetrics(text))  # type: ignore[no-untyped-call]  # prometheus_client types it in part only
    assert status == 200
    assert text.endswith("# EOF\n")
    assert {"node_cpu_seconds", "prunella_process_up", "redis_up"} <= {f.name for f in families}


@pytest.mark.server
async def test_scrapes_of_a_hanging_server_do_not_pile_up(tmp_path: Path) -> None:
    async with redis_server() as server, serving(tmp_path, **redis_at(server.url)) as served:
        await served.metrics()
        server.hang()
        began = time.monotonic()
        scrapes = [served.metrics(**sent(**{TIMEOUT: "1"})) for _ in range(20)]
        answers = await asyncio.gather(*scrapes)
        assert time.monotonic() - began < 10  # one after the other would take twenty seconds
        assert {value(found, "redis_up") for found in answers} == {0}
        server.wake()
        found = await served.metrics()
    # Ours from before the hang, and the one after it: the twenty scrapes shared a single attempt.
    assert (value(found, "redis_connections_received_total") or 0) <= 3


@pytest.mark.server
async def test_what_vanishes_and_returns_does_so_in_the_next_scrape(tmp_path: Path) -> None:
    port = free_port()
    async with serving(tmp_path, **redis_at(f"redis://127.0.0.1:{port}/0")) as served:
        async with redis_server(port=port):
            assert value(await served.metrics(), "redis_connected_clients") is not None
        gone = await served.metrics()
        assert (value(gone, "redis_up"), value(gone, "redis_connected_clients")) == (0, None)
        async with redis_server(port=port):
            assert value(await served.metrics(), "redis_up") == 1


async def test_a_kept_prober_does_not_forget_an_outage_at_a_reload(tmp_path: Path) -> None:
    endpoints = [{"name": "gone", "url": f"http://127.0.0.1:{free_port()}", "every": "1s"}]
    async with serving(tmp_path, endpoints=endpoints) as served:

        async def failed() -> bool:
            found = await served.metrics()
            return (value(found, "prunella_probe_consecutive_failures") or 0) >= 1

        await until(failed, "a probe has failed")
        served.write(server=listen_of(served), endpoints=endpoints, host={})
        await served.post("/-/reload")
        found = await served.metrics()
    assert (value(found, "prunella_probe_consecutive_failures") or 0) >= 1
    assert value(found, "node_load1") is not None
