"""Our figures of a real Celery beside what Celery says itself."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio

from exporter.collectors.base import World
from exporter.collectors.queues import Queues
from prunella.service.clock import SystemClock
from tests.exporter.collecting import collect
from tests.exporter.queues.made_sources import JOBS, counts, entry, reading
from tests.exporter.reading import samples, value
from tests.servers.process import until
from tests.servers.queues import console, worker
from tests.servers.redis import redis_server

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]  # the first run makes the venv

AGE = "prunella_queue_oldest_job_age_seconds"


class Ahead(SystemClock):
    """It is two hours later."""

    def now(self) -> float:
        return time.time() + 7200


def celery(url: str, **keys: Any) -> Any:
    return entry(system="celery", url=url, **keys)


async def test_every_priority_is_counted() -> None:
    async with redis_server() as server, console("celery", server.url) as app:
        for priority in (0, 3, 3, 6, 9, 9, 9):
            await app(f"work.apply_async((), queue='email', priority={priority}).id")
        await app("work.apply_async((), queue='other').id")
        length = (
            "app.connection().default_channel.queue_declare('email', passive=True).message_count"
        )
        async with reading(celery(server.url)) as collector:
            found = await collect(collector)
        assert counts(found, "email") == {"waiting": 7, "delayed": 0, "active": 0}
        assert await app(length) == 7
        assert counts(found, "other")["waiting"] == 1
    assert {s.labels["queue"] for s in samples(found, JOBS)} == {"email", "other"}
    assert found.problems == ()


async def test_what_a_worker_has_taken_is_active_or_delayed(tmp_path: Path) -> None:
    async with redis_server() as server, console("celery", server.url) as app:
        await app("work.apply_async((), queue='email', countdown=600).id")
        await app("work.apply_async((600,), queue='email').id")
        await app("work.apply_async((600,), queue='email').id")
        held = "app.connection().default_channel.client.hlen('unacked')"
        async with (
            worker(
                "celery", server.url, tmp_path, "-Q", "email", "-c", "1", "-n", "w@h"
            ) as process,
            reading(celery(server.url, queues=["email"])) as collector,
        ):

            async def taken() -> bool:
                return bool(await app(held) >= 2)

            await until(taken, "two are taken")
            active = await app("[len(t) for t in app.control.inspect().active().values()]")
            found = await collect(collector)
            process.kill()
        assert counts(found, "email")["delayed"] == 1
        assert counts(found, "email")["active"] >= sum(active) == 1
        assert sum(counts(found, "email").values()) == 3
        assert value(found, "prunella_queue_stalled_jobs", queue="email") == 0
        later = Queues([celery(server.url, queues=["email"])], World(clock=Ahead()))
        lost = await collect(later)
        await later.stop()
    assert (value(lost, "prunella_queue_stalled_jobs", queue="email") or 0) >= 1


async def test_what_a_worker_leaves_of_every_priority_is_still_counted(tmp_path: Path) -> None:
    async with redis_server() as server, console("celery", server.url) as app:
        for priority in (0, 0, 3, 6, 9, 9):
            await app(f"work.apply_async((600,), queue='email', priority={priority}).id")
        held = "app.connection().default_channel.client.hlen('unacked')"
        async with (
            worker("celery", server.url, tmp_path, "-Q", "email", "-c", "1", "-n", "w@h") as process,
            reading(celery(server.url)) as collector,
        ):  # fmt: skip

            async def taken() -> bool:
                return bool(await app(held))

            await until(taken, "the first is taken")
            process.kill()
            await until(lambda: not process.running, "nobody takes more")
            of_worker, found = await app(held), await collect(collector)
    assert counts(found, "email") == {"waiting": 6 - of_worker, "delayed": 0, "active": of_worker}


async def test_an_age_is_what_the_message_says_or_how_long_it_has_been_next() -> None:
    async with redis_server() as server, console("celery", server.url) as app:
        await app("work.apply_async((), queue='said', headers={'enqueued_at': 1000000000}).id")
        await app("work.apply_async((), queue='unsaid').id")
        queues = celery(server.url, queues=["said", "unsaid", "empty"])
        async with reading(queues) as collector:
            first = await collect(collector)
            assert (value(first, AGE, queue="unsaid", state="waiting") or 0) < 0.1

            async def older() -> bool:
                age = value(await collect(collector), AGE, queue="unsaid", state="waiting")
                return (age or 0) > 0.1

            await until(older, "it has been next for a while")
    assert (value(first, AGE, queue="said", state="waiting") or 0) > 700_000_000
    assert value(first, AGE, queue="empty", state="waiting") == 0


async def test_keys_of_its_own_and_messages_of_others_are_read() -> None:
    async with redis_server() as server:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            await client.sadd("my_kombu.binding.email", "email\x06\x16\x06\x16email")
            await client.sadd("my_kombu.binding.celery.pidbox", "\x06\x16\x06\x16w.celery.pidbox")
            await client.lpush("myemail", "not json")
            await client.lpush("myemail:5", '{"headers": 5, "properties": []}')
            await client.zadd("myunacked_index", {"tag": 1.0, "gone": 2.0})
            await client.hset("myunacked", "tag", '[{"headers": {"eta": "?"}}, "", "email"]')
        own = celery(server.url, prefix="my", sep=":", priority_steps=[0, 5])
        async with reading(own) as collector:
            found = await collect(collector)
    assert counts(found, "email") == {"waiting": 2, "delayed": 0, "active": 1}
    assert {s.labels["queue"] for s in samples(found, JOBS)} == {"email"}
