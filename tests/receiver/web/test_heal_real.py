"""Heals on a real PostgreSQL, asked for over the API and by a schedule: what is counted is what is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.receiver.test_scheduled_app import a_moment_was_missed
from tests.receiver.web.serving import serving
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until

pytestmark = pytest.mark.server
TABLES = """
CREATE TABLE sessions (id bigint PRIMARY KEY, expires_at timestamptz);
INSERT INTO sessions SELECT n, now() + CASE WHEN n <= 7 THEN '-1h' ELSE '1h' END::interval
  FROM generate_series(1, 20) n;
CREATE TABLE posts (id bigint PRIMARY KEY);
CREATE TABLE comments (id bigint PRIMARY KEY, post_id bigint);
CREATE INDEX ON comments (post_id);
INSERT INTO posts SELECT generate_series(1, 10);
INSERT INTO comments SELECT n, n FROM generate_series(1, 13) n;
GRANT SELECT, UPDATE, DELETE ON sessions, comments TO prunella;
GRANT SELECT ON posts TO prunella;
"""
HEALED = {"staleSessions": 7, "stuckJobs": 0, "orphanedRecords": 3}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with postgres_server() as running:
        yield running


def a_shop(server: PostgresServer) -> tuple[str, dict[str, Any]]:
    """A database with something to heal, and the config that may heal it."""
    name = server.database()
    server.sql(TABLES, name)
    postgres = {
        "url": server.url(name),
        "sessions": {"table": "sessions", "expires": "expires_at"},
        "orphans": [{"table": "comments", "column": "post_id", "references": "posts.id"}],
    }
    target = {"matchers": ['service="db"'], "postgres": postgres}
    return name, {"targets": {"db": target}, "playbooks": []}


def left(server: PostgresServer, name: str) -> list[str]:
    asked = "SELECT count(*) FROM sessions UNION ALL SELECT count(*) FROM comments"
    return server.sql(asked, name).splitlines()


async def test_what_is_answered_is_what_is_gone_and_a_second_time_there_is_nothing(
    server: PostgresServer, tmp_path: Path
) -> None:
    name, config = a_shop(server)
    async with serving(tmp_path, **config) as client:
        first = await client.ask("POST", "/api/admin/heal", data=b"{}")
        assert (first.status, left(server, name)) == (200, ["13", "10"])
        assert HEALED.items() <= first.json.items()
        again = await client.ask("POST", "/api/admin/heal", data=b'{"kind": "all"}')
        assert (again.status, again.json["staleSessions"], again.json["orphanedRecords"]) == (
            200,
            0,
            0,
        )

        async def closed() -> bool:
            shown = await client.ask("GET", "/api/v1/incidents?state=RESOLVED")
            return len(shown.json["incidents"]) == 2

        await until(closed, "the database was seen to be well after both")


async def test_a_schedule_heals_it_and_says_so(server: PostgresServer, tmp_path: Path) -> None:
    name, config = a_shop(server)
    schedule = {"name": "heal", "cron": "* * * * *", "action": "heal_all", "on": ["db"]}
    await a_moment_was_missed(tmp_path, **config, schedules=[schedule])
    async with serving(tmp_path, **config, schedules=[schedule]) as client:

        async def healed() -> bool:
            shown = await client.ask("GET", "/api/v1/incidents?state=RESOLVED")
            return bool(shown.json["incidents"])

        await until(healed, "what was missed is made up for")
        rows = [
            json.loads(line)
            for line in (await client.ask("GET", "/api/v1/journal")).text.splitlines()
        ]
    assert left(server, name) == ["13", "10"]
    outcome = next(row for row in rows if row["ev"] == "outcome")
    assert outcome["counts"] == {"staleSessions": 7, "orphanedRecords": 3}
    assert outcome["ep"].startswith("schedule-")
