"""Tables of jobs in a real PostgreSQL: one of our own, and procrastinate's with its own killed worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import ValidationError

from receiver.actions.base import ActionFailed
from receiver.targets import Target
from tests.receiver.queues.broken import a_target, heal, stuck, until_stuck
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until
from tests.servers.queues import console, worker

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes a venv
TABLE = {
    "name": "work.Jobs",
    "queue": "kind",
    "attempts": "tries",
    "max_attempts": 3,
    "clear": ["by"],
}
CREATE = """
    CREATE SCHEMA work;
    CREATE TABLE work."Jobs" (
        id serial, kind text, state text NOT NULL, locked_at timestamptz, by text, tries int NOT NULL DEFAULT 0);
    GRANT USAGE ON SCHEMA work TO prunella;
    GRANT SELECT, UPDATE ON work."Jobs" TO prunella;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as started:
        yield started


class Jobs:
    """A database with a table of jobs."""

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.name = server, server.database()
        self.url = server.url(self.name)
        self.sql(CREATE)

    def sql(self, statement: str) -> str:
        return self.server.sql(statement, self.name)

    def add(
        self,
        state: str,
        age: str = "1 hour",
        *,
        kind: str = "email",
        tries: int = 0,
        number: int = 1,
    ) -> None:
        self.sql(
            'INSERT INTO work."Jobs" (kind, state, locked_at, by, tries)'  # noqa: S608 - the test's own words
            f" SELECT '{kind}', '{state}', now() - interval '{age}', 'w1', {tries} FROM generate_series(1, {number})"
        )

    def states(self) -> dict[str, int]:
        rows = self.sql('SELECT state, count(*) FROM work."Jobs" GROUP BY 1').split()
        return {state: int(number) for state, number in (row.split("|") for row in rows)}

    def target(self, **changes: Any) -> Target:
        table = {**TABLE, **changes}
        return a_target(self.url, system="postgres", stuck_after="5m", table=table)


@pytest.fixture
def jobs(server: PostgresServer) -> Jobs:
    return Jobs(server)


async def test_what_was_held_for_too_long_waits_again_and_has_been_tried_once_more(
    jobs: Jobs,
) -> None:
    jobs.add("active", tries=1)
    assert (await heal(jobs.target())).text == "email: 1 put back"
    assert jobs.sql('SELECT state, locked_at, by, tries FROM work."Jobs"') == "waiting|||2"
    assert (await heal(jobs.target())).text == "email: nothing was stuck"


async def test_at_its_limit_it_has_failed(jobs: Jobs) -> None:
    jobs.add("active", tries=2)
    assert (await heal(jobs.target())).counts["failed"] == 1
    assert jobs.states() == {"failed": 1}


async def test_who_counts_at_the_beginning_is_not_counted_for(jobs: Jobs) -> None:
    jobs.add("active", tries=2)
    assert (await heal(jobs.target(count_attempts=False))).counts["requeued"] == 1
    assert jobs.sql('SELECT tries FROM work."Jobs"') == "2"


async def test_others_are_left_alone(jobs: Jobs) -> None:
    jobs.add("active", "1 minute")
    jobs.add("waiting")
    jobs.add("active", kind="reports")
    assert (await heal(jobs.target())).counts["stuckJobs"] == 0
    assert jobs.states() == {"active": 2, "waiting": 1}


async def test_hundreds_go_in_batches(jobs: Jobs) -> None:
    jobs.add("active", number=450)
    jobs.add("active", tries=2, number=50)
    done = await heal(jobs.target())
    assert (done.counts["requeued"], done.counts["failed"]) == (450, 50)


async def test_a_row_that_its_worker_holds_is_not_touched(jobs: Jobs) -> None:
    """A worker that works within a transaction needs no clock to show that it lives."""
    jobs.add("active", number=2)
    db = await asyncpg.connect(jobs.url)
    try:
        async with db.transaction():
            await db.execute('SELECT 1 FROM work."Jobs" ORDER BY id LIMIT 1 FOR UPDATE')
            assert (await heal(jobs.target())).counts["stuckJobs"] == 1
    finally:
        await db.close()
    assert await stuck(jobs.target()) == 1


async def test_states_may_be_numbers_or_an_enum_and_the_table_one_queue(jobs: Jobs) -> None:
    jobs.sql(
        "CREATE TABLE plain (state int, locked_at timestamptz); GRANT SELECT, UPDATE ON plain TO prunella;"
        "INSERT INTO plain VALUES (1, now() - interval '1 hour'), (1, now()), (0, NULL)"
    )
    table = {"name": "plain", "waiting": 0, "running": 1, "failed": 2}
    target = a_target(jobs.url, system="postgres", stuck_after="5m", table=table)
    assert (await heal(target)).counts["stuckJobs"] == 1
    assert jobs.sql("SELECT state, count(*) FROM plain GROUP BY 1 ORDER BY 1") == "0|2\n1|1"
    jobs.sql(
        "CREATE TYPE s AS ENUM ('waiting', 'active', 'failed'); CREATE TABLE typed (state s, locked_at timestamptz);"
        "GRANT SELECT, UPDATE ON typed TO prunella; INSERT INTO typed VALUES ('active', now() - interval '1 hour')"
    )
    typed = a_target(jobs.url, system="postgres", stuck_after="5m", table={"name": "typed"})
    assert (await heal(typed)).counts["stuckJobs"] == 1


async def test_of_a_table_in_partitions_no_other_row_is_meant(jobs: Jobs) -> None:
    """Rows of two partitions can have the same place."""
    jobs.sql(
        "CREATE TABLE parted (kind text, state text, locked_at timestamptz) PARTITION BY LIST (kind);"
        "CREATE TABLE p1 PARTITION OF parted FOR VALUES IN ('email');"
        "CREATE TABLE p2 PARTITION OF parted FOR VALUES IN ('pdf');"
        "GRANT SELECT, UPDATE ON parted TO prunella;"
        "INSERT INTO parted VALUES ('email', 'active', now() - interval '1 hour'), ('pdf', 'active', now())"
    )
    table = {"name": "parted", "queue": "kind"}
    target = a_target(jobs.url, system="postgres", stuck_after="5m", table=table)
    assert (await heal(target)).counts["stuckJobs"] == 1
    assert jobs.sql("SELECT kind, state FROM parted ORDER BY 1") == "email|waiting\npdf|active"


async def test_a_hostile_name_of_a_queue_is_only_a_value(jobs: Jobs) -> None:
    jobs.add("active")
    target = a_target(jobs.url, system="postgres", table=TABLE, queues=["x';DROP--"])
    assert (await heal(target)).counts["stuckJobs"] == 0
    assert jobs.states() == {"active": 1}


async def test_without_the_right_it_is_said_what_is_missing(jobs: Jobs) -> None:
    jobs.add("active")
    jobs.sql('REVOKE UPDATE ON work."Jobs" FROM prunella')
    with pytest.raises(ActionFailed, match="permission denied") as caught:
        await heal(jobs.target())
    assert not caught.value.started


async def test_a_table_that_is_not_there_is_said(jobs: Jobs) -> None:
    with pytest.raises(ActionFailed, match=r"nowhere") as caught:
        await heal(jobs.target(name="nowhere"))
    assert not caught.value.started


async def test_somebody_who_locks_the_table_is_not_waited_for_without_end(jobs: Jobs) -> None:
    jobs.add("active")
    jobs.sql('GRANT ALL ON work."Jobs" TO prunella')
    db = await asyncpg.connect(jobs.url)
    try:
        async with db.transaction():
            await db.execute('LOCK TABLE work."Jobs"')
            with pytest.raises(ActionFailed, match="lock"):
                await heal(jobs.target())
    finally:
        await db.close()


@pytest.mark.parametrize(
    ("facet", "said"),
    [
        ({}, "either layout or table"),
        ({"layout": "procrastinate", "table": TABLE}, "either layout or table"),
        ({"layout": "oban"}, "procrastinate"),
        ({"table": {"name": "a.b.c"}}, "schema.table"),
        ({"table": {"name": "jobs", "max_attempts": 3}}, "needs the column `attempts`"),
        ({"table": {"name": "jobs"}, "queues": ["a", "b"]}, "need `table.queue`"),
    ],
)
def test_a_facet_that_cannot_be_is_refused(facet: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        a_target("postgresql://u:p@127.0.0.1/d", system="postgres", **facet)


async def test_procrastinate_what_a_killed_worker_held_is_done_once_more(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = server.url(server.database())
    target = a_target(url, system="postgres", layout="procrastinate", stuck_after="1s")
    async with console("procrastinate", url) as tasks:
        await tasks("prepare()")
        await tasks("later('email', 600)")
        async with worker("procrastinate", url, tmp_path, "-q", "email") as process:
            await until(lambda: "Starting job work[1]" in process.output(), "it has begun")
            process.kill()
        await until_stuck(target, 1)
        assert (await heal(target)).text == "email: 1 put back"
        async with worker("procrastinate", url, tmp_path, "-q", "email") as process:
            await until(lambda: process.output().count("Starting job work[1]") == 2, "again")
            process.kill()


async def test_procrastinate_a_living_workers_job_is_left(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = server.url(server.database())
    target = a_target(url, system="postgres", layout="procrastinate", stuck_after="15s")
    async with console("procrastinate", url) as tasks:
        await tasks("prepare()")
        await tasks("later('email', 600)")
        async with worker("procrastinate", url, tmp_path, "-q", "email") as process:
            await until(lambda: "Starting job work[1]" in process.output(), "it has begun")
            server.sql(
                "UPDATE procrastinate_events SET at = at - interval '1 hour'",
                url.rpartition("/")[2],
            )
            assert (await heal(target)).text == "email: nothing was stuck"
            process.kill()


async def test_procrastinate_of_those_under_one_queueing_lock_one_waits_and_grants_are_enough(
    server: PostgresServer,
) -> None:
    database = server.database()
    url = server.url(database)
    as_narrow = f"postgresql://narrow:pw@127.0.0.1:{server.port}/{database}"
    target = a_target(as_narrow, system="postgres", layout="procrastinate")
    async with console("procrastinate", url) as tasks:
        await tasks("prepare()")
    server.sql(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, status)"
        " SELECT 'email', 'work', 'only', 'doing' FROM generate_series(1, 3);"
        "UPDATE procrastinate_events SET at = at - interval '1 hour'",
        database,
    )
    server.sql(
        "CREATE ROLE narrow LOGIN PASSWORD 'pw';"
        "GRANT SELECT, UPDATE ON procrastinate_jobs TO narrow; GRANT SELECT ON procrastinate_workers TO narrow;"
        "GRANT SELECT, INSERT ON procrastinate_events TO narrow;"
        "GRANT USAGE ON SEQUENCE procrastinate_events_id_seq TO narrow",
        database,
    )
    assert (await heal(target)).counts["requeued"] == 1
    assert (await heal(target)).counts["requeued"] == 0
