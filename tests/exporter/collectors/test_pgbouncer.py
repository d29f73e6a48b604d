from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest
from prometheus_client.metrics_core import Metric

from exporter.collectors.base import Collected, World
from exporter.collectors.pgbouncer import (
    DATABASES,
    POOLS,
    SHOWN,
    PgBouncerEntry,
    PgBouncers,
    Shown,
    families,
)
from tests.exporter.collecting import collect
from tests.exporter.reading import names, samples, value
from tests.exporter.serving import sent, serving
from tests.servers.pgbouncer import pgbouncer
from tests.servers.ports import free_port
from tests.servers.postgres import PASSWORD, USER, postgres_server

ON_SERVER = pytest.mark.server


@asynccontextmanager
async def reading(**urls: str) -> AsyncIterator[PgBouncers]:
    entries = [PgBouncerEntry.model_validate({"name": n, "url": url}) for n, url in urls.items()]
    collector = PgBouncers(entries, World(service="shop"))
    try:
        yield collector
    finally:
        await collector.stop()


@ON_SERVER
async def test_pools_totals_and_limits_are_shown_under_pgbouncer_exporters_names() -> None:
    with postgres_server() as server:
        database = f"shop = host=127.0.0.1 port={server.port} dbname=postgres pool_size=1"
        user = f'"{USER}" "{PASSWORD}"'
        async with (
            pgbouncer(database, (user,), max_client_conn="50") as pool,
            reading(pool=pool.url) as collector,
        ):
            there = server.url("shop").replace(str(server.port), str(pool.port))
            client, other = await asyncpg.connect(there), await asyncpg.connect(there)
            await client.execute("BEGIN")
            waits = asyncio.create_task(other.execute("SELECT 1"))
            found = await collect_until_waiting(collector)
            await client.execute("COMMIT")
            await client.close()
            await waits
            await other.close()
    assert found.problems == ()
    of = {"database": "shop", "user": USER, "pgbouncer": "pool", "service": "shop"}
    assert value(found, "pgbouncer_up", pgbouncer="pool") == 1
    assert value(found, "pgbouncer_pools_client_waiting_connections", **of) == 1
    assert value(found, "pgbouncer_pools_server_active_connections", **of) == 1
    assert value(found, "pgbouncer_databases_pool_size", name="shop", database="postgres") == 1
    assert value(found, "pgbouncer_databases_current_connections", name="shop") == 1
    assert value(found, "pgbouncer_config_max_client_connections") == 50
    assert value(found, "pgbouncer_used_servers") == 1
    assert value(found, "pgbouncer_stats_totals_received_bytes_total", database="shop") is not None
    assert samples(found, "pgbouncer_version_info")[0].labels["version"].startswith("PgBouncer")


async def collect_until_waiting(collector: PgBouncers) -> Collected:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = await collect(collector)
        if value(found, "pgbouncer_pools_client_waiting_connections", database="shop") == 1:
            break
    return found


@ON_SERVER
async def test_a_user_who_may_not_ask_is_down_and_is_told_why() -> None:
    async with (
        pgbouncer(stats_users="somebody") as pool,
        reading(pool=pool.url) as collector,
    ):
        found = await collect(collector)
    assert value(found, "pgbouncer_up") == 0
    assert found.problems[0].startswith("pool: ")
    assert PASSWORD not in str(found)


@ON_SERVER
async def test_a_hanging_pgbouncer_costs_the_page_only_its_own_series(tmp_path: Path) -> None:
    async with pgbouncer() as pool:
        entry = {"name": "pool", "url": pool.url}
        async with serving(tmp_path, host={}, pgbouncer=[entry]) as served:
            pool.hang()
            began = time.monotonic()
            found = await served.metrics("", **sent(X_Prometheus_Scrape_Timeout_Seconds="3"))
            assert time.monotonic() - began <= 2.7
            assert value(found, "pgbouncer_up") == 0
            assert value(found, "prunella_scrape_collector_success", collector="host") == 1
            pool.wake()
            after = await served.metrics("")
            assert value(after, "pgbouncer_up") == 1


async def test_nobody_listening_is_down() -> None:
    url = f"postgresql://stats:hunter2@127.0.0.1:{free_port()}/pgbouncer"
    async with reading(pool=url) as collector:
        found = await collect(collector)
        down = list(collector.down())
    assert value(found, "pgbouncer_up") == value(down, "pgbouncer_up") == 0
    assert names(down) == {"pgbouncer_up"}
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("url", ["postgresql://h:0/x", "http://h"])
def test_what_is_no_address_is_refused_without_its_text(url: str) -> None:
    with pytest.raises(ValueError, match="must be postgresql://") as raised:
        PgBouncerEntry.model_validate({"name": "a", "url": f"{url}&hunter2"})
    assert "hunter2" not in str(raised.value)


def shown(**rows: list[Mapping[str, str | None]]) -> list[Metric]:
    seen = Shown({**dict.fromkeys(SHOWN, ()), **rows})
    return list(families(("pgbouncer", "service"), [(("pool", "shop"), seen)]))


def test_microseconds_become_seconds_and_unknown_columns_are_left_out() -> None:
    totals = {
        "database": "shop",
        "query_time": "2500000",
        "something_new": "7",
        "query_count": None,
    }
    found = shown(STATS_TOTALS=[totals])
    assert value(found, "pgbouncer_stats_totals_queries_duration_seconds_total") == 2.5
    assert "pgbouncer_stats_totals_queries_pooled_total" not in names(found)


def test_more_pools_than_can_be_told_apart_are_one() -> None:
    pools: list[Mapping[str, str | None]] = [
        {"database": "shop", "user": f"u{n}", "cl_active": "1", "maxwait": str(n)}
        for n in range(POOLS + 50)
    ]
    found = shown(POOLS=pools)
    assert len(samples(found, "pgbouncer_pools_client_active_connections")) == POOLS + 1
    other = {"database": "other", "user": "other"}
    assert value(found, "pgbouncer_pools_client_active_connections", **other) == 50
    assert value(found, "pgbouncer_pools_client_maxwait_seconds", **other) == POOLS + 49


def test_more_databases_than_can_be_told_apart_are_one_or_none() -> None:
    names_of: list[Mapping[str, str | None]] = [
        {"name": f"d{n}", "database": f"d{n}", "pool_size": "20", "query_count": "1"}
        for n in range(DATABASES + 50)
    ]
    found = shown(DATABASES=names_of, STATS_TOTALS=names_of)
    assert len(samples(found, "pgbouncer_databases_pool_size")) == DATABASES
    assert value(found, "pgbouncer_stats_totals_queries_pooled_total", database="other") == 50


def test_hostile_names_are_only_labels() -> None:
    found = shown(POOLS=[{"database": 'a"} 1\nb', "user": "\\", "cl_active": "nan-sense"}])
    assert samples(found, "pgbouncer_pools_client_active_connections") == []
    found = shown(POOLS=[{"database": 'a"} 1\nb', "user": "\\", "cl_active": "3"}])
    assert value(found, "pgbouncer_pools_client_active_connections", user="\\") == 3
