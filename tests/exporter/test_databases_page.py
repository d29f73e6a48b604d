"""The page of a Redis, a PostgreSQL and a pgbouncer, as Prometheus' own tools see it."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.exporter.serving import Served, sent, serving
from tests.servers.pgbouncer import PASSWORD as CONSOLE_PASSWORD
from tests.servers.pgbouncer import pgbouncer
from tests.servers.postgres import PASSWORD, postgres_server
from tests.servers.redis import redis_server

pytestmark = pytest.mark.server

OPEN = sent(Accept="application/openmetrics-text; version=1.0.0")


@asynccontextmanager
async def databases(tmp_path: Path) -> AsyncIterator[Served]:
    with postgres_server() as server:
        server.sql("GRANT pg_monitor TO prunella")
        server.sql("SELECT pg_create_physical_replication_slot('left', true)")
        async with (
            redis_server("--requirepass", "hunter2") as cache,
            pgbouncer() as pool,
            serving(
                tmp_path,
                labels={"service": "shop"},
                redis=[{"name": "cache", "url": cache.url.replace("://", "://:hunter2@")}],
                postgres=[{"name": "main", "url": server.url("postgres")}],
                pgbouncer=[{"name": "pool", "url": pool.url}],
            ) as served,
        ):
            yield served


async def test_promtool_and_a_strict_parser_have_nothing_to_say_but_of_their_owners_habits(
    tmp_path: Path,
) -> None:
    promtool = shutil.which("promtool")
    assert promtool, "there is no promtool: apt-get install prometheus"
    async with databases(tmp_path) as served:
        _, text = await served.get("/metrics")
        _, newer = await served.get("/metrics", **OPEN)
    check = [promtool, "check", "metrics"]
    done = await asyncio.to_thread(
        subprocess.run, check, input=text.encode(), capture_output=True, check=False
    )
    findings = done.stderr.decode().splitlines()
    # without `_total`, with `_count`, not in base units: as redis_exporter and postgres_exporter have them
    assert [finding for finding in findings if not finding.startswith(("pg_", "redis_"))] == []
    families = text_string_to_metric_families(newer)  # type: ignore[no-untyped-call]  # the library's own
    types = {family.name: family.type for family in families}
    assert types["pg_stat_database_xact_commit"] == types["redis_total_error_replies"] == "unknown"
    assert types["redis_commands"] == "counter"
    for name in ("redis_up", "pg_up", "pgbouncer_up"):
        assert f"{name}{{" in text
    assert text.count('service="shop"') > 300
    for secret in ("hunter2", PASSWORD, CONSOLE_PASSWORD):
        assert secret not in text
