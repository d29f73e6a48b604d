"""How BullMQ's jobs ended within the hour, told from what is kept of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
import redis.asyncio

from exporter.queues.base import Recent
from exporter.queues.bullmq import BullMq
from exporter.queues.redis_link import RedisLink
from prunella.service.clock import SystemClock
from tests.servers.redis import redis_server

pytestmark = pytest.mark.server

Ages = Mapping[str, float]  # of jobs by their ids: how many minutes ago they ended


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with redis_server() as server:
        yield server.url


async def ended(url: str, completed: Ages, failed: Ages, added: int | None = None) -> Recent | None:
    """What is said of a queue with these jobs, to which so many were ever added."""
    now = time.time()
    async with redis.asyncio.Redis.from_url(url) as there:
        for name, jobs in (("completed", completed), ("failed", failed)):
            if jobs:
                scores = {job: (now - minutes * 60) * 1000 for job, minutes in jobs.items()}
                await there.zadd(f"bull:mail:{name}", scores)
        if added is not None:
            await there.set("bull:mail:id", added)
    source = BullMq(RedisLink(url), "bull", SystemClock())
    try:
        (figures,) = await source.read(["mail"], asyncio.get_running_loop().time() + 30)
    finally:
        await source.close()
    return figures.recent


@pytest.mark.parametrize("added", [None, 3])
async def test_where_nothing_was_let_go_of_the_whole_hour_counts(
    url: str, added: int | None
) -> None:
    assert await ended(url, {"a": 1.0, "old": 90.0}, {"b": 20.0}, added) == Recent(1, 1)


async def test_failures_alone_are_known_where_nothing_was_let_go_of(url: str) -> None:
    assert await ended(url, {}, {"a": 1.0}, 1) == Recent(0, 1)


async def test_failures_from_before_the_oldest_that_is_kept_do_not_count(url: str) -> None:
    assert await ended(url, {"a": 5.0}, {"b": 1.0, "c": 20.0}, 50) == Recent(1, 1)


async def test_nothing_is_known_where_all_that_went_well_is_let_go_of(url: str) -> None:
    assert await ended(url, {}, {"a": 1.0}, 50) is None
