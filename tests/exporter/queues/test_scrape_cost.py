"""What one scrape costs the Redis that holds the queues: round trips, commands, and series, however many there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis.asyncio

from exporter.queues.families import NAMES
from exporter.queues.redis_link import Question, RedisLink
from exporter.queues.watched import READ
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import entry, reading
from tests.exporter.reading import samples, value
from tests.servers.redis import RedisServer, redis_server
from tests.servers.relay import relay

pytestmark = pytest.mark.server

JOBS = "prunella_queue_jobs"
MESSAGE = '[{"headers": {}, "properties": {"delivery_tag": "t"}}, "", "q1"]'
SEARCHES = {"SCAN", "KEYS", "SSCAN", "HSCAN", "ZSCAN", "EVAL", "EVALSHA", "HGETALL", "SORT"}


def bullmq(ask: Question, queue: str) -> None:
    root = f"bull:{queue}:"
    ask.add("HSET", f"{root}meta", "version", "bullmq:6.7.0")
    ask.add("HSET", f"{root}1", "timestamp", 1, "opts", "{}")
    ask.add("LPUSH", f"{root}wait", 1)
    ask.add("LPUSH", f"{root}active", 1)
    ask.add("ZADD", f"{root}delayed", 4096, 1)


def celery(ask: Question, queue: str) -> None:
    ask.add("SADD", f"_kombu.binding.{queue}", f"{queue}\x06\x16\x06\x16{queue}")
    for step in ("", "\x06\x163", "\x06\x166", "\x06\x169"):
        ask.add("LPUSH", queue + step, MESSAGE)
    ask.add("ZADD", "unacked_index", 1, queue)
    ask.add("HSET", "unacked", queue, MESSAGE)


def rq(ask: Question, queue: str) -> None:
    ask.add("SADD", "rq:queues", f"rq:queue:{queue}")
    ask.add("RPUSH", f"rq:queue:{queue}", 1)
    ask.add("ZADD", f"rq:wip:{queue}", 9e12, "1:2")
    ask.add("SADD", f"rq:workers:{queue}", "rq:worker:w")


def arq(ask: Question, queue: str) -> None:
    ask.add("ZADD", queue, 1, "1", 9e15, "2")
    ask.add("SET", "arq:in-progress:1", "")
    ask.add("SET", f"{queue}:health-check", "")


LAID: dict[str, Callable[[Question, str], None]] = {
    "bullmq": bullmq,
    "celery": celery,
    "rq": rq,
    "arq": arq,
}


async def fill(server: RedisServer, system: str, queues: int) -> None:
    """So many queues as this system lays them down, in one write: redis-py would take longer than the test."""

    def all_of_them(ask: Question) -> None:
        for number in range(queues):
            LAID[system](ask, f"q{number}")

    link = RedisLink(server.url)
    await link.ask(all_of_them, asyncio.get_running_loop().time() + 30)
    await link.close()


async def heard(monitor: Any) -> list[str]:
    """The commands since MONITOR began, up to an `ECHO end`."""
    found: list[str] = []
    while True:
        command = (await monitor.next_command())["command"]
        if command == "ECHO end":
            return found
        found.append(command.split()[0].upper())


@pytest.mark.parametrize("system", LAID)
async def test_a_scrape_of_twenty_queues_is_two_round_trips_over_one_connection(
    system: str,
) -> None:
    async with redis_server() as server, relay(server.port) as way:
        await fill(server, system, 20)
        url = f"redis://127.0.0.1:{way.port}/0"
        async with reading(entry(system=system, url=url)) as collector:
            await collect(collector)
            way.forget()
            found = await collect(collector)
    assert len({one.labels["queue"] for one in samples(found, JOBS)}) >= 20
    assert (way.connections, way.questions) == (0, 2)


@pytest.mark.parametrize("system", LAID)
async def test_nothing_is_searched_for_at_a_scrape(system: str) -> None:
    async with redis_server() as server, redis.asyncio.Redis.from_url(server.url) as client:
        await fill(server, system, 20)
        async with reading(entry(system=system, url=server.url)) as collector:
            await collect(collector)
            async with client.monitor() as monitor:
                await collect(collector)
                await client.echo("end")
                commands = await heard(monitor)
    assert len(commands) > 20
    assert not SEARCHES & set(commands)


@pytest.mark.parametrize("system", ["bullmq", "celery"])
async def test_ten_thousand_queues_are_a_bounded_page_in_time(system: str) -> None:
    async with redis_server() as server:
        await fill(server, system, 10_000)
        async with reading(entry(system=system, url=server.url)) as collector:
            began = time.monotonic()
            found = await collect(collector, seconds=30)
            took = time.monotonic() - began
    names = {one.labels["queue"] for one in samples(found, JOBS)}
    assert len(names) == NAMES + 1
    assert "other" in names
    waiting = [one.value for one in samples(found, JOBS) if one.labels["state"] == "waiting"]
    assert sum(waiting) >= READ
    assert value(found, "prunella_queue_source_up") == 1
    assert found.problems == (f"{system}: {10_000 - READ} queues are not read",)
    assert sum(len(family.samples) for family in found.families) < 20 * NAMES
    assert took < 20  # it takes one; whoever made a series of each would still be at it
