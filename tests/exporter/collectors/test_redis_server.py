from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import redis.asyncio
from prometheus_client.parser import text_string_to_metric_families

from exporter.collectors.base import Collected, World
from exporter.collectors.redis_server import RedisEntry, RedisServers
from tests.exporter.reading import value
from tests.servers.ports import free_port
from tests.servers.process import answers, running, start
from tests.servers.redis import redis_server

PEER = shutil.which("prometheus-redis-exporter")

pytestmark = pytest.mark.server


@asynccontextmanager
async def reading(**urls: str) -> AsyncIterator[RedisServers]:
    entries = [RedisEntry.model_validate({"name": n, "url": url}) for n, url in urls.items()]
    collector = RedisServers(entries, World(service="shop"))
    try:
        yield collector
    finally:
        await collector.stop()


async def collect(collector: RedisServers, seconds: float = 5.0) -> Collected:
    return await collector.collect(asyncio.get_running_loop().time() + seconds)


async def put(url: str, **values: str) -> None:
    async with redis.asyncio.Redis.from_url(url) as client:
        for key, text in values.items():
            await client.set(key, text)


async def test_a_server_is_up_with_its_figures() -> None:
    async with (
        redis_server("--maxmemory", "64mb") as server,
        reading(cache=server.url) as collector,
    ):
        await put(server.url, a="1", b="2")
        found = await collect(collector)
        assert value(found, "redis_up", name="cache", service="shop") == 1
        assert value(found, "redis_db_keys", name="cache", db="db0") == 2
        assert value(found, "redis_memory_max_bytes") == 64 << 20
        assert (value(found, "redis_connected_clients") or 0) >= 1
        assert value(found, "prunella_redis_ping_seconds_count", name="cache") == 1
        assert found.problems == ()


async def test_one_connection_serves_all_scrapes() -> None:
    async with redis_server() as server, reading(cache=server.url) as collector:
        received = [
            value(await collect(collector), "redis_connections_received_total") for _ in range(4)
        ]
    assert len(set(received)) == 1


async def test_nobody_listening_is_down() -> None:
    async with reading(cache=f"redis://:hunter2@127.0.0.1:{free_port()}/0") as collector:
        found = await collect(collector)
    assert value(found, "redis_up", name="cache") == 0
    assert found.problems[0].startswith("cache: ")
    assert "hunter2" not in str(found)


async def test_a_wrong_password_is_down_and_stays_secret() -> None:
    async with redis_server("--requirepass", "hunter1") as server:
        url = server.url.replace("://", "://:hunter2@")
        async with reading(cache=url) as collector:
            found = await collect(collector)
    assert value(found, "redis_up", name="cache") == 0
    assert "hunter" not in str(found)


async def test_the_right_password_is_up() -> None:
    async with (
        redis_server("--requirepass", "hunter1") as server,
        reading(cache=server.url.replace("://", "://:hunter1@")) as collector,
    ):
        assert value(await collect(collector), "redis_up") == 1


async def test_a_hanging_server_is_down_in_time_and_its_neighbour_is_not() -> None:
    async with (
        redis_server() as hung,
        redis_server() as fine,
        reading(hung=hung.url, fine=fine.url) as collector,
    ):
        await collect(collector)
        hung.hang()
        began = time.monotonic()
        found = await collect(collector, seconds=0.5)
        assert time.monotonic() - began < 5  # it would hang for ever
        assert value(found, "redis_up", name="hung") == 0
        assert value(found, "redis_up", name="fine") == 1
        assert found.problems == ("hung: no answer in time",)


async def test_a_server_that_wakes_up_is_up_again() -> None:
    async with redis_server() as server, reading(cache=server.url) as collector:
        server.hang()
        assert value(await collect(collector, seconds=0.3), "redis_up") == 0
        server.wake()
        found = await collect(collector)
        assert value(found, "redis_up") == 1
        assert (value(found, "redis_uptime_in_seconds") or 0) >= 0


async def test_a_restarted_server_was_never_down() -> None:
    port = free_port()
    async with reading(cache=f"redis://127.0.0.1:{port}/0") as collector:
        for _ in range(2):
            async with redis_server(port=port):
                assert value(await collect(collector), "redis_up") == 1


async def test_a_replica_reports_its_link() -> None:
    async with (
        redis_server() as master,
        redis_server("--replicaof", "127.0.0.1", str(master.port)) as replica,
        reading(replica=replica.url) as collector,
    ):
        found = await collect(collector)
    link = value(
        found, "redis_master_link_up", master_host="127.0.0.1", master_port=str(master.port)
    )
    assert link in {0, 1}


async def test_every_server_is_down_when_the_collector_was_late() -> None:
    async with reading(one="redis://127.0.0.1:1", other="redis://127.0.0.1:2") as collector:
        down = list(collector.down())
    assert value(down, "redis_up", name="one") == 0
    assert value(down, "redis_up", name="other") == 0


@pytest.mark.skipif(PEER is None, reason="redis_exporter is not installed")
async def test_our_names_types_and_values_are_redis_exporters(tmp_path: Path) -> None:
    async with redis_server() as server, reading(cache=server.url) as collector:
        await put(server.url, a="1")
        address = f"127.0.0.1:{free_port()}"
        argv = [str(PEER), "-redis.addr", server.url, "-web.listen-address", address]
        async with running(start("peer", argv, tmp_path), lambda: answers(f"http://{address}/")):
            theirs = list(
                text_string_to_metric_families(await text_of(f"http://{address}/metrics"))
            )
            ours = [f for f in (await collect(collector)).families if f.samples]
    types = {family.name: family.type for family in theirs}
    values = {s.name: s.value for family in theirs for s in family.samples if not s.labels}
    for family in ours:
        if family.name.startswith("redis_"):
            assert types[family.name] == family.type, family.name
    for name in ("redis_memory_max_bytes", "redis_config_maxclients", "redis_blocked_clients"):
        assert value(ours, name) == values[name]


async def text_of(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()
