from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis.asyncio

from exporter.collectors.base import World
from exporter.collectors.redis_server import RedisEntry, RedisServers
from tests.exporter.collecting import collect
from tests.exporter.reading import names, value
from tests.exporter.serving import sent, serving
from tests.servers.ports import connections_to, free_port
from tests.servers.redis import redis_server
from tests.servers.redis_cluster import redis_cluster

pytestmark = pytest.mark.server


@asynccontextmanager
async def reading(**urls: str) -> AsyncIterator[RedisServers]:
    entries = [RedisEntry.model_validate({"name": n, "url": url}) for n, url in urls.items()]
    collector = RedisServers(entries, World(service="shop"))
    try:
        yield collector
    finally:
        await collector.stop()


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


async def test_fifty_scrapes_of_a_hanging_server_open_no_other_connection(tmp_path: Path) -> None:
    async with redis_server() as server, reading(cache=server.url) as collector:
        await collect(collector)
        server.hang()
        for _ in range(50):
            found = await collect(collector, seconds=0.02)
            assert value(found, "redis_up") == 0
            assert connections_to(server.port) == 1
        server.wake()
        after = await collect(collector)
        assert value(after, "redis_up") == 1
        assert value(after, "redis_connections_received_total") == 1
        assert connections_to(server.port) == 1


async def test_one_that_hangs_from_the_start_costs_one_connection_too() -> None:
    async with redis_server() as server, reading(cache=server.url) as collector:
        server.hang()
        for _ in range(10):
            assert value(await collect(collector, seconds=0.02), "redis_up") == 0
            assert connections_to(server.port) == 1
        server.wake()
        assert value(await collect(collector), "redis_up") == 1


async def test_a_hanging_server_costs_the_page_only_its_own_series(tmp_path: Path) -> None:
    async with redis_server() as server:
        entry = {"name": "cache", "url": server.url}
        async with serving(tmp_path, host={}, redis=[entry]) as served:
            server.hang()
            began = time.monotonic()
            headers = sent(X_Prometheus_Scrape_Timeout_Seconds="3")
            found = await served.metrics("", **headers)
            assert time.monotonic() - began <= 2.7
    assert value(found, "redis_up") == 0
    assert value(found, "prunella_scrape_collector_success", collector="redis") == 0
    assert value(found, "prunella_scrape_collector_success", collector="host") == 1
    assert "node_load1" in names(found)


async def test_a_user_with_few_rights_still_gives_what_it_may_and_is_not_asked_again() -> None:
    few = ("--user", "few", "on", ">hunter2", "-@all", "+info", "+ping", "+client|setname", "~*")
    async with redis_server(*few) as server:
        async with reading(cache=server.url.replace("://", "://few:hunter2@")) as collector:
            first, second = await collect(collector), await collect(collector)
        refused = [value(one, "redis_errors_total", err="NOPERM") for one in (first, second)]
    assert value(second, "redis_up") == 1
    assert value(second, "redis_slowlog_length") is None
    assert second.problems == ()
    assert refused == [None, 7]


async def test_a_node_of_a_cluster_is_read(tmp_path: Path) -> None:
    async with redis_cluster(2) as nodes, reading(node=nodes[0].url) as collector:
        for _ in range(2):
            found = await collect(collector)
            assert value(found, "redis_cluster_state") == 1
            assert value(found, "redis_cluster_known_nodes") == 2
            assert value(found, "redis_instance_info", redis_mode="cluster") == 1


async def test_a_sentinel_is_read(tmp_path: Path) -> None:
    file = tmp_path / "sentinel.conf"
    async with redis_server() as master:
        file.write_text(f"sentinel monitor main 127.0.0.1 {master.port} 1\n")
        async with (
            redis_server("--sentinel", first=(str(file),), ready="+monitor") as sentinel,
            reading(watch=sentinel.url) as collector,
        ):
            found = await collect(collector)
    assert value(found, "redis_sentinel_masters") == 1
    assert value(found, "redis_sentinel_master_sentinels", master_name="main") == 1
    assert found.problems == ()


async def test_a_socket_in_the_file_system_is_read(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    async with (
        redis_server("--unixsocket", str(path)),
        reading(cache=f"unix://{path}") as collector,
    ):
        assert value(await collect(collector), "redis_up") == 1
