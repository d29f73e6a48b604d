"""Queues in PostgreSQL tables, as their own systems lay them down."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from exporter.collectors.base import Collected
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import JOBS, counts, entry, reading
from tests.exporter.reading import samples, value
from tests.servers.node_queues import run_node
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until
from tests.servers.queues import console, worker

AGE = "prunella_queue_oldest_job_age_seconds"
OWN = {
    "table": "app.jobs",
    "columns": {"queue": "kind", "state": "status", "ready": "run_at", "since": "changed"},
    "states": {"waiting": ["new", "again"], "active": ["busy"], "failed": ["dead"]},
}
TABLE = """
CREATE SCHEMA app AUTHORIZATION prunella;
CREATE TABLE app.jobs (kind text, status text, run_at timestamptz, changed timestamptz);
INSERT INTO app.jobs VALUES
    ('email', 'new', NULL, now() - interval '1 minute'), ('email', 'again', now() - interval '5 seconds', NULL),
    ('email', 'new', now() + interval '1 hour', now()), ('email', 'busy', NULL, now() - interval '2 minutes'),
    ('email', 'unheard of', NULL, now()), ('other', 'dead', NULL, now());
GRANT SELECT ON app.jobs TO prunella
"""
PG_BOSS = """
const PgBoss = require("pg-boss");
const boss = new PgBoss(process.env.URL);
await boss.start();
await boss.createQueue("email");
for (let n = 0; n < 5; n++) await boss.send("email", {}, { retryLimit: 0 });
const [one, two, three] = await boss.fetch("email", { batchSize: 3 });
await boss.complete("email", one.id);
await boss.fail("email", two.id);
await boss.send("email", {}, { startAfter: 600 });
say(await boss.getQueueSize("email", { before: "active" }));
"""
GRAPHILE = """
const { makeWorkerUtils, runOnce } = require("graphile-worker");
const utils = await makeWorkerUtils({ connectionString: process.env.URL });
await utils.migrate();
await utils.addJob("broken", {}, { maxAttempts: 1 });
await runOnce({ connectionString: process.env.URL, taskList: { broken: () => { throw new Error("told to fail"); } } });
await utils.addJob("email", {});
await utils.addJob("email", {}, { runAt: new Date(Date.now() + 600000) });
say(null);
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def age(found: Collected, state: str, queue: str = "email") -> float:
    seconds = value(found, AGE, queue=queue, state=state)
    assert seconds is not None
    return seconds


def told(**keys: Any) -> str:
    with pytest.raises(ValidationError) as raised:
        entry(system="postgres", url="postgresql://x", **keys)
    return str(raised.value)


async def read(url: str, **keys: Any) -> Collected:
    async with reading(entry(system="postgres", url=url, **keys)) as collector:
        return await collect(collector)


@pytest.mark.server
async def test_a_table_of_ones_own_is_read_as_it_is_described(cluster: PostgresServer) -> None:
    name = cluster.database()
    cluster.sql(TABLE, name)
    found = await read(cluster.url(name), **OWN)
    assert found.problems == ()
    assert counts(found, "email") == {"waiting": 2, "delayed": 1, "active": 1, "failed": 0}
    assert counts(found, "other")["failed"] == 1
    assert 60 <= age(found, "waiting") < 120
    assert 120 <= age(found, "active") < 180
    assert age(found, "delayed") == 0
    assert samples(found, "prunella_queue_stalled_jobs") == []


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_procrastinate(cluster: PostgresServer, tmp_path: Path) -> None:
    url = cluster.url(cluster.database())
    async with console("procrastinate", url) as app:
        await app("prepare()")
        await app("later('email')")
        await app("later('email', fail=True)")
        await app("later('email', 600)")
        async with worker("procrastinate", url, tmp_path, "-q", "email") as process:

            async def taken() -> bool:
                return counts(await read(url, preset="procrastinate"), "email").get("active") == 1

            await until(taken, "the long one is taken", every=0.2)
            await app("later('email')")
            await app("later('email', schedule_in=600)")
            found = await read(url, preset="procrastinate")
            process.kill()
    assert counts(found, "email") == {
        "waiting": 1, "delayed": 1, "active": 1, "completed": 1, "failed": 1,
    }  # fmt: skip
    assert value(found, "prunella_queue_stalled_jobs", queue="email") == 0
    for state in ("waiting", "active", "failed", "completed"):
        assert 0 <= age(found, state) < 60
    cluster.sql(
        "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour'", url[-13:]
    )
    lost = await read(url, preset="procrastinate")
    assert value(lost, "prunella_queue_stalled_jobs", queue="email") == 1


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_pg_boss(cluster: PostgresServer) -> None:
    url = cluster.url(cluster.database())
    waiting_and_delayed = await run_node(PG_BOSS, url)
    found = await read(url, preset="pgboss")
    assert found.problems == ()
    assert counts(found, "email") == {
        "waiting": 2, "delayed": 1, "active": 1, "completed": 1, "failed": 1,
    }  # fmt: skip
    assert waiting_and_delayed == 3
    assert {s.labels["queue"] for s in samples(found, JOBS)} == {"email"}
    assert all(0 <= age(found, state) < 60 for state in counts(found, "email"))


@pytest.mark.server
@pytest.mark.timeout(240)
async def test_graphile_worker(cluster: PostgresServer) -> None:
    name = cluster.database()
    await run_node(GRAPHILE, cluster.url(name))
    cluster.sql(
        "UPDATE graphile_worker._private_jobs SET locked_at = now() - interval '5 hours' WHERE run_at <= now() AND attempts = 0",
        name,
    )
    found = await read(cluster.url(name), preset="graphile_worker")
    assert found.problems == ()
    assert counts(found, "broken") == {"waiting": 0, "delayed": 0, "active": 0, "failed": 1}
    assert counts(found, "email") == {"waiting": 0, "delayed": 1, "active": 1, "failed": 0}
    assert value(found, "prunella_queue_stalled_jobs", queue="email") == 1


@pytest.mark.server
async def test_a_table_that_is_not_there_is_a_problem_and_no_crash(cluster: PostgresServer) -> None:
    found = await read(cluster.url(cluster.database()), preset="pgboss", queues=["email"])
    assert value(found, "prunella_queue_source_up", system="postgres") == 0
    assert 'relation "pgboss.job" does not exist' in found.problems[0]


def test_what_is_missing_or_too_much_is_told() -> None:
    assert "needs preset, one of procrastinate, pgboss, graphile_worker" in told()
    assert "either preset, or table" in told(preset="pgboss", table="jobs")
    assert "needs preset" in told(table="jobs")


@pytest.mark.parametrize("name", ["jobs; DROP TABLE x", 'a"b', "a.b.c", "", "a b"])
def test_an_identifier_is_letters_and_digits(name: str) -> None:
    assert "table" in told(**{**OWN, "table": name})
    assert "queue" in told(**{**OWN, "columns": {"queue": name, "state": "s"}})


def test_two_tables_are_two_entries() -> None:
    url = "postgresql://x/db"
    names = {
        entry(system="postgres", url=url, **OWN).name,
        entry(system="postgres", url=url, **{**OWN, "table": "app.more"}).name,
        entry(system="postgres", url=url, preset="pgboss").name,
        entry(system="postgres", url=url, preset="pgboss", prefix="boss2").name,
    }
    assert len(names) == 4
