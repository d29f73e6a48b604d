from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from pydantic import ValidationError

from exporter.queues import SYSTEMS
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import entry, reading
from tests.exporter.reading import samples, value
from tests.exporter.serving import sent, serving
from tests.servers.ports import free_port
from tests.servers.redis import RedisServer, redis_server
from tests.servers.redis_cluster import redis_cluster

JOBS, UP = "prunella_queue_jobs", "prunella_queue_source_up"


async def put(server: RedisServer, queue: str, *jobs: str) -> None:
    """Jobs as BullMQ lays them down, for what needs no BullMQ."""
    async with redis.asyncio.Redis.from_url(server.url) as client:
        await client.hset(f"bull:{queue}:meta", "version", "bullmq:6.7.0")
        for job in jobs:
            await client.hset(f"bull:{queue}:{job}", mapping={"timestamp": "1", "opts": "{}"})
            await client.lpush(f"bull:{queue}:wait", job)


def told(**keys: Any) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        entry(**keys)
    return [error["msg"] for error in raised.value.errors()]


def test_an_entry_without_a_system_is_told_which_there_are() -> None:
    (message,) = told(url="redis://x")
    assert all(system in message for system in SYSTEMS)


def test_a_system_that_does_not_exist_is_told_which_there_are() -> None:
    (message,) = told(system="sidekiq", url="redis://x")
    assert "'sidekiq' is not one of bullmq" in message


def test_limits_in_the_wrong_order_are_refused() -> None:
    lag = {"warning": 5, "critical": 4}
    assert told(system="bullmq", url="redis://x", lag=lag) == ["warning is above critical"]


def test_no_queue_at_all_is_refused() -> None:
    assert told(system="bullmq", url="redis://x", queues=[])


def test_two_entries_differ_by_where_their_jobs_are_and_tell_no_password() -> None:
    url = "redis://:hunter2@cache:6379/1"
    names = {
        entry(system="bullmq", url=url).name,
        entry(system="bullmq", url=url, prefix="b").name,
        entry(system="bullmq", url=url, queues=["a"]).name,
        entry(system="bullmq", url="redis://:hunter2@cache:6379/2").name,
    }
    assert len(names) == 4
    assert "hunter2" not in str(names)


@pytest.mark.server
async def test_a_dead_server_is_down_and_its_neighbour_is_not() -> None:
    url = f"redis://:hunter2@127.0.0.1:{free_port()}/0"
    dead = entry(system="bullmq", url=url, queues=["email"], service="dead")
    async with redis_server() as server:
        await put(server, "email", "1", "2")
        async with reading(dead, entry(system="bullmq", url=server.url)) as collector:
            found = await collect(collector)
    assert value(found, UP, service="dead") == 0
    assert value(found, UP, service="shop") == 1
    assert value(found, JOBS, service="shop", queue="email", state="waiting") == 2
    assert len(found.problems) == 1
    assert "hunter2" not in str(found)


@pytest.mark.server
async def test_a_hanging_server_is_down_in_time_and_comes_back(tmp_path: Path) -> None:
    async with redis_server() as server:
        await put(server, "email", *"123")
        entries = [{"system": "bullmq", "url": server.url, "service": "jobs"}]
        async with serving(tmp_path, host={}, queues=entries) as served:
            assert value(await served.metrics(), JOBS, queue="email", state="waiting") == 3
            server.hang()
            began = time.monotonic()
            found = await served.metrics("", **sent(X_Prometheus_Scrape_Timeout_Seconds="1"))
            assert time.monotonic() - began < 5  # it would hang for ever
            assert value(found, UP, system="bullmq", service="jobs") == 0
            assert samples(found, JOBS) == []
            assert value(found, "prunella_scrape_collector_success", collector="queues") == 0
            assert value(found, "prunella_scrape_collector_success", collector="host") == 1
            server.wake()
            again = await served.metrics()
            assert value(again, JOBS, queue="email", state="waiting") == 3


@pytest.mark.server
async def test_a_restarted_server_was_never_down() -> None:
    port = free_port()
    made = entry(system="bullmq", url=f"redis://127.0.0.1:{port}/0", queues=["email"])
    async with reading(made) as collector:
        for _ in range(2):
            async with redis_server(port=port):
                assert value(await collect(collector), UP) == 1
        assert value(await collect(collector), UP) == 0


@pytest.mark.server
async def test_a_wrong_password_is_down_and_stays_secret() -> None:
    async with redis_server("--requirepass", "hunter1") as server:
        url = server.url.replace("://", "://:hunter2@")
        async with reading(entry(system="bullmq", url=url)) as collector:
            found = await collect(collector)
    assert value(found, UP) == 0
    assert "hunter" not in str(found)


@pytest.mark.server
async def test_who_may_only_read_sees_everything_but_the_workers() -> None:
    async with redis_server() as server:
        await put(server, "email", "1")
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await client.execute_command("ACL", "SETUSER", "ann", "on", ">p", "~bull:*", "+@read")  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        url = server.url.replace("//", "//ann:p@")
        async with reading(entry(system="bullmq", url=url)) as collector:
            found = await collect(collector)
    assert value(found, JOBS, queue="email", state="waiting") == 1
    assert samples(found, "prunella_queue_workers") == []
    assert found.problems == ()


@pytest.mark.server
async def test_a_queue_that_may_not_be_read_is_down_and_not_empty() -> None:
    async with redis_server() as server:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await client.execute_command("ACL", "SETUSER", "ann", "on", ">p", "~other:*", "+@all")  # type: ignore[no-untyped-call] # redis-py leaves it untyped
        made = entry(system="bullmq", url=server.url.replace("//", "//ann:p@"), queues=["email"])
        async with reading(made) as collector:
            found = await collect(collector)
    assert (value(found, UP), samples(found, JOBS)) == (0, [])
    assert "NOPERM" in found.problems[0]


@pytest.mark.server
async def test_a_queue_on_another_node_of_a_cluster_is_down_and_says_where_it_is() -> None:
    async with redis_cluster(2) as cluster:
        answers = []
        for node in cluster:
            made = entry(system="bullmq", url=node.url, prefix="{bull}", queues=["email"])
            async with reading(made) as collector:
                answers.append(await collect(collector))
    assert sorted(value(found, UP) or 0 for found in answers) == [0] * (len(answers) - 1) + [1]
    assert any("MOVED" in problem for found in answers for problem in found.problems)


@pytest.mark.server
async def test_a_name_made_to_break_the_page_is_a_label_like_any_other(tmp_path: Path) -> None:
    hostile = 'a"} 1\nredis_up 0\n# EOF\n\\'
    async with redis_server() as server:
        await put(server, hostile, "1")
        async with serving(tmp_path, queues=[{"system": "bullmq", "url": server.url}]) as served:
            found = await served.metrics()
            _, newer = await served.get("/metrics", Accept="application/openmetrics-text")
    assert value(found, JOBS, queue=hostile, state="waiting") == 1
    assert samples(found, "redis_up") == []
    assert value(list(openmetrics(newer)), JOBS, queue=hostile, state="waiting") == 1  # type: ignore[no-untyped-call] # prometheus_client types it in part only


@pytest.mark.server
async def test_health_is_told_by_lag(tmp_path: Path) -> None:
    async with redis_server() as server:
        await put(server, "email", *map(str, range(60)))
        entries = [{"system": "bullmq", "url": server.url}]
        async with serving(tmp_path, health={"memory": 1}, queues=entries) as served:
            status, text = await served.get("/api/health/queue")
    answer = json.loads(text)
    assert (status, answer["status"]) == (200, "degraded")
    assert answer["queues"] == [
        {"name": "email", "waiting": 60, "active": 0, "completed": 0, "failed": 0}
    ]
    assert answer["thresholds"]["lag"]["current"] == 60


@pytest.mark.server
async def test_health_of_a_hanging_server_is_told_in_time_and_names_no_address(
    tmp_path: Path,
) -> None:
    async with redis_server() as server:
        await put(server, "email", "1")
        entries = [{"system": "bullmq", "url": server.url}]
        async with serving(tmp_path, health={"memory": 1}, queues=entries) as served:
            await served.metrics()
            server.hang()
            began = time.monotonic()
            status, text = await served.get("/api/health/queue")
            took = time.monotonic() - began
            server.wake()
    assert (status, json.loads(text)["status"]) == (503, "unhealthy")
    assert json.loads(text)["error"] == "bullmq: no answer"
    assert str(server.port) not in text
    assert took < 4  # it is told within one second, and would hang for ever


@pytest.mark.server
async def test_fifty_scrapes_of_a_hanging_server_open_no_connection(tmp_path: Path) -> None:
    async with redis_server() as server:
        await put(server, "email", "1")
        entries = [{"system": "bullmq", "url": server.url}]
        async with (
            serving(tmp_path, queues=entries) as served,
            redis.asyncio.Redis.from_url(server.url) as client,
        ):
            await served.metrics()
            before = (await client.info("stats"))["total_connections_received"]
            server.hang()
            for _ in range(50):
                found = await served.metrics("", **sent(X_Prometheus_Scrape_Timeout_Seconds="0.1"))
                assert value(found, UP) == 0
            server.wake()
            assert value(await served.metrics(), JOBS, queue="email", state="waiting") == 1
            assert (await client.info("stats"))["total_connections_received"] == before
