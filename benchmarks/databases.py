"""Redis and PostgreSQL: redis_exporter and postgres_exporter beside ours, on the same server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack

import asyncpg
import psutil
import redis.asyncio

from benchmarks.exporter import Figures, exporter, in_turns, program
from benchmarks.loop import run
from benchmarks.report import at_most, say
from benchmarks.server import free_port
from tests.servers.postgres import PostgresServer, postgres_server
from tests.servers.redis import redis_server

COMMANDS = 40  # different ones that the server has seen: what of INFO grows with use
DATABASES, SESSIONS = 5, 20


def of_redis() -> None:
    """Prints the table."""
    say(f"redis: redis_exporter as it comes, on a server that has seen {COMMANDS} commands")
    _table(run(_redis()), "redis_exporter", time=0.7, cpu=0.6)


def of_postgres() -> None:
    """Prints the table."""
    say(f"postgres: postgres_exporter as it comes, {DATABASES} databases and {SESSIONS} sessions")
    with postgres_server() as server:
        _table(run(_postgres(server)), "postgres_exporter", time=0.6, cpu=0.3)


def _table(figures: Mapping[str, Figures], peer: str, *, time: float, cpu: float) -> None:
    for name, found in figures.items():
        say(f"  {name:18} {found}")
    ours, theirs = figures["ours"], figures[peer]
    at_most(f"p50 beside {peer}'s", ours.p50 / theirs.p50, time, "x")
    at_most(f"CPU beside {peer}'s", ours.cpu / theirs.cpu, cpu, "x")


async def _redis() -> Mapping[str, Figures]:
    async with redis_server() as server:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await _use(client)
        asked, port = psutil.Process(server.pid), free_port()
        argv = [
            "prometheus-redis-exporter",
            "-redis.addr",
            server.url,
            "-web.listen-address",
            f"127.0.0.1:{port}",
        ]
        with (
            exporter(asked, redis=[{"name": "cache", "url": server.url}]) as ours,
            program(argv, port, asked=asked) as theirs,
        ):
            programs = {"ours": ours, "redis_exporter": theirs}
            return await asyncio.to_thread(in_turns, programs, 20, 20)


async def _use(client: redis.asyncio.Redis) -> None:
    """Some of each kind of command, so that there are statistics of them."""
    await client.set("text", "1", ex=10_000)
    for one in ("get", "strlen", "incr", "decr", "ttl", "type", "exists", "persist", "touch"):
        await client.execute_command(one, "text")  # type: ignore[no-untyped-call] # redis-py leaves it untyped
    for number, add in enumerate(("lpush", "rpush", "sadd", "pfadd")):
        await client.execute_command(add, f"key{number}", "a", "b")  # type: ignore[no-untyped-call] # redis-py leaves it untyped, too
    await client.zadd("sorted", {"a": 1.0})
    await client.hset("hash", "a", "1")
    await client.xadd("stream", {"a": "1"})
    for words in (
        ("lrange", "key0", 0, 1), ("llen", "key0"), ("lindex", "key0", 0), ("lpop", "key0"),
        ("rpop", "key1"), ("smembers", "key2"), ("scard", "key2"), ("sismember", "key2", "a"),
        ("pfcount", "key3"), ("zrange", "sorted", 0, 1), ("zcard", "sorted"), ("zscore", "sorted", "a"),
        ("hget", "hash", "a"), ("hgetall", "hash"), ("hlen", "hash"), ("xlen", "stream"),
        ("mget", "text", "no"), ("mset", "x", 1, "y", 2), ("del", "x"), ("unlink", "y"),
        ("dbsize",), ("time",), ("scan", 0), ("randomkey",), ("echo", "a"),
    ):  # fmt: skip
        await client.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py leaves it untyped, too


async def _postgres(server: PostgresServer) -> Mapping[str, Figures]:
    server.sql("GRANT pg_monitor TO prunella")
    names = [server.database() for _ in range(DATABASES)]
    sessions = [
        await asyncpg.connect(server.url(names[number % DATABASES])) for number in range(SESSIONS)
    ]
    try:
        port, url = free_port(), server.url("postgres")
        argv = ["prometheus-postgres-exporter", f"--web.listen-address=127.0.0.1:{port}"]
        with ExitStack() as running:
            ours = running.enter_context(exporter(postgres=[{"name": "main", "url": url}]))
            theirs = running.enter_context(
                program(argv, port, DATA_SOURCE_NAME=f"{url}?sslmode=disable")
            )
            programs = {"ours": ours, "postgres_exporter": theirs}
            return await asyncio.to_thread(in_turns, programs, 15, 20)
    finally:
        for session in sessions:
            await session.close()
