"""Pools of the four libraries, on real servers: what they say is held against what was done to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
import psycopg_pool
import pytest
import redis
import redis.asyncio
import sqlalchemy
import sqlalchemy.ext.asyncio

from prunella.metrics import REGISTRY
from prunella.pools import watch_pool
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.process import until
from tests.servers.redis import RedisServer, redis_server

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


def shown(name: str, pool: str = "p", **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"db_pool_{name}", {"pool": pool, **labels})


def connections(pool: str = "p") -> tuple[float | None, ...]:
    """In use, idle, and at most."""
    return (
        shown("connections", pool, state="in_use"),
        shown("connections", pool, state="idle"),
        shown("connections_max", pool),
    )


@contextmanager
def watched(pool: object, name: str = "p") -> Iterator[None]:
    watching = watch_pool(pool, name)
    try:
        yield
    finally:
        watching.stop()
    assert connections(name) == (None, None, None)


def acquired() -> float:
    return shown("acquire_seconds_count") or 0.0


@asynccontextmanager
async def of_asyncpg(url: str) -> AsyncIterator[Any]:
    async with asyncpg.create_pool(url, min_size=2, max_size=3) as pool:
        with watched(pool):
            yield pool


async def test_a_pool_of_asyncpg(postgres: PostgresServer) -> None:
    async with of_asyncpg(postgres.url("postgres")) as pool:
        before = acquired()
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT 1") == 1
            assert connections() == (1.0, 1.0, 3.0)
        assert await pool.fetchval("SELECT 2") == 2
        assert connections() == (0.0, 2.0, 3.0)
        assert acquired() == before + 2
        assert isinstance(pool, asyncpg.Pool)


async def test_who_waits_for_a_connection_is_counted_and_who_gives_up_no_more(
    postgres: PostgresServer,
) -> None:
    async with of_asyncpg(postgres.url("postgres")) as pool:
        held = [await pool.acquire() for _ in range(3)]
        waiting = [asyncio.create_task(pool.fetchval("SELECT 1")) for _ in range(4)]
        await until(lambda: shown("waiters") == 4.0, "4.0 wait")
        waiting[0].cancel()
        await until(lambda: shown("waiters") == 3.0, "3.0 wait")
        with pytest.raises(TimeoutError):
            await pool.acquire(timeout=0.01)
        assert shown("waiters") == 3.0
        for connection in held:
            await pool.release(connection)
        assert await asyncio.gather(*waiting[1:]) == [1, 1, 1]
        assert shown("waiters") == 0.0


def test_a_pool_of_psycopg(postgres: PostgresServer) -> None:
    with psycopg_pool.ConnectionPool(postgres.url("postgres"), min_size=1, max_size=4) as pool:
        pool.wait()
        with watched(pool):
            before = acquired()
            with pool.connection() as connection:
                assert connections() == (1.0, 0.0, 4.0)
                assert connection.execute("SELECT 1").fetchone() == (1,)
            assert connections() == (0.0, 1.0, 4.0)
            assert acquired() == before + 1


async def test_an_asynchronous_pool_of_psycopg(postgres: PostgresServer) -> None:
    made = psycopg_pool.AsyncConnectionPool(postgres.url("postgres"), min_size=1, open=False)
    async with made as pool:
        await pool.wait()
        with watched(pool):
            before = acquired()
            async with pool.connection():
                assert connections() == (1.0, 0.0, 1.0)
            assert acquired() == before + 1


def of_sqlalchemy(server: PostgresServer, driver: str) -> str:
    return server.url("postgres").replace("postgresql://", f"postgresql+{driver}://")


def test_an_engine_of_sqlalchemy_and_the_pool_that_it_makes_anew(postgres: PostgresServer) -> None:
    engine = sqlalchemy.create_engine(
        of_sqlalchemy(postgres, "psycopg"), pool_size=2, max_overflow=3
    )
    with watched(engine):
        before = acquired()
        with engine.connect():
            assert connections() == (1.0, 0.0, 5.0)
        assert connections() == (0.0, 1.0, 5.0)
        engine.dispose()
        assert connections() == (0.0, 0.0, 5.0)
        with engine.connect():
            assert connections() == (1.0, 0.0, 5.0)
        assert acquired() == before + 2
    engine.dispose()


def test_threads_that_wait_for_a_connection_of_sqlalchemy(postgres: PostgresServer) -> None:
    engine = sqlalchemy.create_engine(
        of_sqlalchemy(postgres, "psycopg"), pool_size=1, max_overflow=0
    )
    with watched(engine), ThreadPoolExecutor(2) as threads:
        with engine.connect():
            waiting = [threads.submit(lambda: engine.connect().close()) for _ in range(2)]
            asyncio.run(until(lambda: shown("waiters") == 2.0, "2.0 wait"))
        for done in waiting:
            done.result(timeout=10)
        assert shown("waiters") == 0.0
    engine.dispose()


async def test_an_asynchronous_engine_without_a_limit(postgres: PostgresServer) -> None:
    engine = sqlalchemy.ext.asyncio.create_async_engine(
        of_sqlalchemy(postgres, "asyncpg"), max_overflow=-1
    )
    with watched(engine):
        async with engine.connect():
            assert connections() == (1.0, 0.0, None)
    await engine.dispose()


async def test_clients_of_redis() -> None:
    async with redis_server() as server:
        client = redis.asyncio.Redis.from_url(server.url, max_connections=7)
        with watched(client):
            before = acquired()
            assert await client.ping()
            assert connections() == (0.0, 1.0, 7.0)
            assert acquired() == before + 1
        await client.aclose()
        _synchronous(server)


def _synchronous(server: RedisServer) -> None:
    for kind in (redis.ConnectionPool, redis.BlockingConnectionPool):
        pool = kind.from_url(server.url, max_connections=5)
        with watched(pool):
            connection = pool.get_connection()
            assert connections() == (1.0, 0.0, 5.0)
            pool.release(connection)
            assert connections() == (0.0, 1.0, 5.0)
        pool.disconnect()


def test_a_pool_of_the_same_name_takes_its_place() -> None:
    first, second = (redis.ConnectionPool(max_connections=most) for most in (3, 4))
    watch_pool(first, "same")
    with watched(second, "same"):
        assert shown("connections_max", "same") == 4.0
    assert type(first) is redis.ConnectionPool


@pytest.mark.parametrize(
    "thing", [object(), sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.NullPool)]
)
def test_what_counts_no_connections_is_refused(thing: object) -> None:
    with pytest.raises(TypeError, match="is no pool of asyncpg, psycopg_pool, SQLAlchemy or redis"):
        watch_pool(thing, "odd")
