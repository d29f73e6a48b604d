from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from exporter.postgres.link import PATIENCE, Link, NoAnswerError, is_postgres_url
from tests.servers.postgres import PostgresServer, postgres_server

ON_SERVER = pytest.mark.server


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@asynccontextmanager
async def linked(server: PostgresServer, **settings: str) -> AsyncIterator[Link]:
    link = Link(server.url("postgres"), settings)
    try:
        yield link
    finally:
        await link.close()


def soon(seconds: float = 10.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def pid(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT pg_backend_pid()"))


@ON_SERVER
async def test_one_connection_answers_every_question(cluster: PostgresServer) -> None:
    async with linked(cluster) as link:
        assert await link.ask(pid, soon()) == await link.ask(pid, soon())


@ON_SERVER
async def test_a_late_answer_is_nobody_elses(cluster: PostgresServer) -> None:
    async def slow(connection: asyncpg.Connection) -> str:
        return str(await connection.fetchval("SELECT pg_sleep(0.3)::text || 'late'"))

    async def quick(connection: asyncpg.Connection) -> str:
        return str(await connection.fetchval("SELECT 'quick'"))

    async with linked(cluster) as link:
        first = await link.ask(pid, soon())
        with pytest.raises(NoAnswerError, match="in time") as raised:
            await link.ask(slow, soon(0.05))
        assert raised.value.late
        assert await link.ask(quick, soon()) == "quick"
        assert await link.ask(pid, soon()) == first


@ON_SERVER
async def test_a_connection_without_a_word_for_long_is_given_up(cluster: PostgresServer) -> None:
    async def never(connection: asyncpg.Connection) -> None:
        await connection.execute("SELECT pg_sleep(60)")

    async with linked(cluster, statement_timeout="0") as link:
        first = await link.ask(pid, soon())
        with pytest.raises(NoAnswerError):
            await link.ask(never, soon(0.05))
        link._since -= PATIENCE + 1
        assert await link.ask(pid, soon()) != first


@ON_SERVER
async def test_a_connection_that_was_ended_is_made_anew(cluster: PostgresServer) -> None:
    async with linked(cluster) as link:
        first = await link.ask(pid, soon())
        cluster.sql(f"SELECT pg_terminate_backend({first})")
        assert await link.ask(pid, soon()) != first


@ON_SERVER
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("CREATE TABLE t()", "read-only transaction"),
        ("SELECT pg_sleep(30)", "statement timeout"),
        ("SELECT nothing", "does not exist"),
    ],
)
async def test_no_question_writes_or_takes_for_ever(
    cluster: PostgresServer, statement: str, said: str
) -> None:
    async def question(connection: asyncpg.Connection) -> None:
        await connection.execute(statement)

    async with linked(cluster, statement_timeout="100ms") as link:
        first = await link.ask(pid, soon())
        with pytest.raises(NoAnswerError, match=said) as raised:
            await link.ask(question, soon())
        assert not raised.value.late
        assert "\n" not in str(raised.value)
        assert await link.ask(pid, soon()) == first


@pytest.mark.parametrize(
    ("url", "usable"),
    [
        ("postgresql://u:p@h:5432/d", True),
        ("postgres:///d?host=/run/postgresql", True),
        ("postgresql://h:0/d", False),
        ("postgresql://h:99999/d", False),
        ("redis://h", False),
        ("", False),
    ],
)
def test_a_url_is_known_by_its_scheme_and_port(url: str, usable: bool) -> None:
    assert is_postgres_url(url) is usable
