from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from exporter.collectors.base import World
from exporter.collectors.postgres_server import PostgresEntry, PostgresServers
from tests.exporter.collecting import collect
from tests.exporter.reading import names, samples, value
from tests.exporter.serving import sent, serving
from tests.servers.ports import connections_to, free_port
from tests.servers.postgres import PASSWORD, PostgresServer, postgres_server, standby_of
from tests.servers.process import until

OF_OTHERS = "pg_stat_activity_count", "prunella_postgres_blocked_sessions"

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        server.sql("GRANT pg_monitor TO prunella")
        yield server


@asynccontextmanager
async def reading(**urls: str) -> AsyncIterator[PostgresServers]:
    entries = [PostgresEntry.model_validate({"name": n, "url": url}) for n, url in urls.items()]
    collector = PostgresServers(entries, World(service="shop"))
    try:
        yield collector
    finally:
        await collector.stop()


@asynccontextmanager
async def session(url: str, *statements: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
        yield connection
    finally:
        await connection.close()


async def test_sessions_are_counted_by_state_and_every_state_is_there(
    cluster: PostgresServer,
) -> None:
    name = cluster.database()
    url = cluster.url(name)
    async with (
        reading(main=url) as collector,
        session(url), session(url), session(url, "BEGIN", "SELECT 1"),
    ):  # fmt: skip
        found = await collect(collector)
        states = {
            s.labels["state"]: s.value
            for s in samples(found, "pg_stat_activity_count")
            if s.labels["datname"] == name
        }
        assert (value(found, "pg_stat_database_numbackends", datname=name) or 0) >= 4
    assert found.problems == ()
    assert states == {
        "active": 1, "idle": 2, "idle in transaction": 1,
        "idle in transaction (aborted)": 0, "fastpath function call": 0, "disabled": 0,
    }  # fmt: skip


async def test_what_ordinary_users_can_have_leaves_out_what_is_reserved(
    cluster: PostgresServer,
) -> None:
    async with reading(main=cluster.url("postgres")) as collector:
        found = await collect(collector)
    assert value(found, "pg_settings_max_connections") == 60
    assert value(found, "prunella_postgres_usable_connections", service="shop") == 57


async def test_an_old_transaction_and_the_session_that_waits_for_it_are_seen(
    cluster: PostgresServer,
) -> None:
    url = cluster.url(cluster.database())
    async with (
        reading(main=url) as collector,
        session(url, "CREATE TABLE t()", "BEGIN", "LOCK TABLE t") as holder,
        session(url) as waiting,
    ):
        waits = asyncio.create_task(waiting.execute("SELECT * FROM t"))
        await asyncio.sleep(0.2)  # how old it will be at least
        found = await collect(collector)
        await holder.execute("COMMIT")
        await waits
        after = await collect(collector)
    assert value(found, "prunella_postgres_blocked_sessions") == 1
    assert (value(found, "prunella_postgres_oldest_transaction_seconds") or 0) >= 0.2
    assert (value(found, "prunella_postgres_oldest_idle_in_transaction_seconds") or 0) >= 0.2
    assert value(found, "pg_locks_count", mode="accessexclusivelock", datname=url[-13:]) == 1
    assert value(after, "prunella_postgres_blocked_sessions") == 0
    assert value(after, "prunella_postgres_oldest_idle_in_transaction_seconds") == 0


async def test_without_the_privilege_nothing_wrong_is_said_and_it_is_warned_once(
    cluster: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.sql("CREATE ROLE nobody LOGIN PASSWORD 'hunter2'")
    url = f"postgresql://nobody:hunter2@127.0.0.1:{cluster.port}/postgres"
    async with reading(main=url) as collector:
        with caplog.at_level(logging.WARNING):
            first, second = await collect(collector), await collect(collector)
        cluster.sql("GRANT pg_monitor TO nobody")
        third = await collect(collector)
    for found in (first, second):
        assert value(found, "prunella_postgres_privileged") == 0
        assert not names(found) & set(OF_OTHERS)
        assert value(found, "pg_stat_database_numbackends", datname="postgres") is not None
        assert found.problems == ()
    assert [record.message for record in caplog.records] == [
        "not privileged to see others' sessions"
    ]
    assert value(third, "prunella_postgres_privileged") == 1
    assert names(third) >= set(OF_OTHERS)


async def test_a_slot_that_nobody_reads_shows_what_it_holds(cluster: PostgresServer) -> None:
    cluster.sql("SELECT pg_create_physical_replication_slot('left', true)")
    async with reading(main=cluster.url("postgres")) as collector:
        cluster.sql("SELECT pg_switch_wal()")
        found = await collect(collector)
    cluster.sql("SELECT pg_drop_replication_slot('left')")
    assert value(found, "pg_replication_slots_active", slot_name="left") == 0
    assert (value(found, "pg_replication_slots_pg_wal_lsn_diff", slot_name="left") or 0) > 0
    assert value(found, "pg_replication_is_replica") == 0


async def test_one_connection_serves_all_scrapes_and_one_the_health_checks(
    cluster: PostgresServer,
) -> None:
    async with reading(main=cluster.url("postgres")) as collector:
        before = connections_to(cluster.port)
        for _ in range(5):
            await collect(collector)
            await collector.pulses(asyncio.get_running_loop().time() + 5)
        assert connections_to(cluster.port) - before == 2
    assert connections_to(cluster.port) == before


async def test_nobody_listening_is_down_at_once_and_no_quick_query() -> None:
    async with reading(main=f"postgresql://a:hunter2@127.0.0.1:{free_port()}/db") as collector:
        found = await collect(collector)
    assert value(found, "pg_up", name="main", service="shop") == 0
    assert value(found, "prunella_postgres_query_seconds_count") == 0
    assert found.problems[0].startswith("main: ")
    assert "hunter2" not in str(found)


async def test_a_wrong_password_is_down_and_stays_secret(cluster: PostgresServer) -> None:
    url = f"postgresql://prunella:hunter2@127.0.0.1:{cluster.port}/postgres"
    async with reading(main=url) as collector:
        found = await collect(collector)
    assert value(found, "pg_up") == 0
    assert "hunter2" not in str(found)
    assert PASSWORD not in str(found)


async def test_a_hanging_server_is_down_in_time_its_neighbour_is_not_and_no_connection_is_added(
    cluster: PostgresServer,
) -> None:
    with postgres_server() as hung:
        url = hung.url("postgres")
        async with reading(hung=url, fine=cluster.url("postgres")) as collector:
            await collect(collector)
            hung.hang()
            began = time.monotonic()
            for _ in range(50):
                await collect(collector, seconds=0.05)
                assert connections_to(hung.port) == 1
            found = await collect(collector, seconds=2)
            assert time.monotonic() - began < 30  # each would hang for ever
            assert value(found, "pg_up", name="hung") == 0
            assert value(found, "pg_up", name="fine") == 1
            assert found.problems == ("hung: no answer in time",)
            hung.wake()
            after = await collect(collector)
            assert value(after, "pg_up", name="hung") == 1
            assert connections_to(hung.port) == 1


async def test_a_server_that_hangs_from_the_start_is_down_in_time_too() -> None:
    with postgres_server() as server:
        server.hang()
        async with reading(main=server.url("postgres")) as collector:
            for _ in range(10):
                found = await collect(collector, seconds=0.05)
            assert connections_to(server.port) == 1
            assert value(found, "pg_up") == 0
            server.wake()
            assert value(await collect(collector), "pg_up") == 1


async def test_a_restarted_server_was_never_down() -> None:
    with postgres_server() as server:
        async with reading(main=server.url("postgres")) as collector:
            for _ in range(2):
                assert value(await collect(collector), "pg_up") == 1
                server.kill()
                server.begin()
            assert value(await collect(collector), "pg_up") == 1
            server.kill()
            assert value(await collect(collector), "pg_up") == 0


async def test_sizes_are_read_once_in_five_minutes(cluster: PostgresServer) -> None:
    name = cluster.database()
    url = cluster.url(name)
    async with reading(main=url) as collector:
        before = value(await collect(collector), "pg_database_size_bytes", datname=name)
        async with session(url, "CREATE TABLE t AS SELECT generate_series(1, 50000)"):
            after = value(await collect(collector), "pg_database_size_bytes", datname=name)
    assert before == after
    assert (before or 0) > 1 << 20


async def test_health_of_a_database_is_told_and_its_end_too(tmp_path: Path) -> None:
    with postgres_server() as server:
        server.sql("GRANT pg_monitor TO prunella")
        entry = {"name": "main", "url": server.url("postgres")}
        async with serving(tmp_path, health={"memory": 1}, postgres=[entry]) as served:
            status, text = await served.get("/api/health/db")
            answer = json.loads(text)
            assert (status, answer["status"]) == (200, "healthy")
            assert answer["pool"] == {"total": 1, "active": 1, "idle": 0}
            assert json.loads((await served.get("/api/health"))[1])["checks"] == {
                "app": "healthy", "db": "healthy",
            }  # fmt: skip
            server.hang()

            async def unwell() -> bool:
                began = time.monotonic()
                status, text = await served.get("/api/health/db")
                assert time.monotonic() - began < 3  # a second, and what a busy machine adds
                assert PASSWORD not in text
                return status == 503

            await until(unwell, "the hanging server is seen", every=0.1)


async def test_a_hanging_server_costs_the_page_only_its_own_series(tmp_path: Path) -> None:
    with postgres_server() as server:
        entry = {"name": "main", "url": server.url("postgres")}
        async with serving(tmp_path, host={}, postgres=[entry]) as served:
            await served.metrics()
            server.hang()
            began = time.monotonic()
            found = await served.metrics("", **sent(X_Prometheus_Scrape_Timeout_Seconds="3"))
            assert time.monotonic() - began <= 2.7
    assert value(found, "pg_up") == 0
    assert value(found, "prunella_scrape_collector_success", collector="postgres") == 0
    assert value(found, "prunella_scrape_collector_success", collector="host") == 1
    assert "node_load1" in names(found)


async def test_a_primary_says_how_far_its_replicas_are_and_a_replica_how_old_it_is(
    tmp_path: Path,
) -> None:
    with postgres_server() as primary:
        primary.sql("GRANT pg_monitor TO prunella")
        with standby_of(primary) as standby:
            async with reading(a=primary.url("postgres"), b=standby.url("postgres")) as collector:

                async def caught_up() -> bool:
                    found = await collect(collector)
                    return value(found, "pg_stat_replication_pg_wal_lsn_diff", name="a") == 0

                await until(caught_up, "the standby has it all")
                found = await collect(collector)
    assert value(found, "pg_replication_is_replica", name="a") == 0
    assert value(found, "pg_replication_is_replica", name="b") == 1
    assert value(found, "pg_replication_lag_seconds", name="b") == 0
    assert value(found, "pg_stat_replication_pg_wal_lsn_diff", state="streaming") == 0


async def test_statements_are_shown_when_wanted_and_only_so_many(tmp_path: Path) -> None:
    with postgres_server(settings=("shared_preload_libraries=pg_stat_statements",)) as server:
        server.sql("GRANT pg_monitor TO prunella")
        entry = {"name": "main", "url": server.url("postgres"), "statements": 2}
        collector = PostgresServers([PostgresEntry.model_validate(entry)], World())
        before = await collect(collector)
        server.sql("CREATE EXTENSION pg_stat_statements")
        for number in range(5):
            server.sql(f"SELECT {', '.join(['1'] * (number + 1))}")
        after = await collect(collector)
        await collector.stop()
    assert value(before, "pg_up") == 1
    assert "CREATE EXTENSION" in before.problems[0]
    assert after.problems == ()
    shown = samples(after, "pg_stat_statements_calls_total")
    assert len(shown) == 2
    assert set(shown[0].labels) == {"name", "service", "user", "datname", "queryid"}
    assert "SELECT" not in str(shown)


async def test_settings_are_in_base_units(cluster: PostgresServer) -> None:
    async with reading(main=cluster.url("postgres")) as collector:
        found = await collect(collector)
    assert value(found, "pg_settings_shared_buffers_bytes") == 32 << 20
    assert value(found, "pg_settings_checkpoint_timeout_seconds") == 300
    assert value(found, "pg_settings_autovacuum") == 1
