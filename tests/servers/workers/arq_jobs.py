"""arq's side: `enqueue("arq:queue", 60, defer_by=5)`."""

from __future__ import annotations

import asyncio
import os
from typing import Any, ClassVar

from arq import create_pool
from arq.connections import ArqRedis, RedisSettings

settings = RedisSettings.from_dsn(os.environ["QUEUE_URL"])
_pool: list[ArqRedis] = []


async def pool() -> ArqRedis:
    if not _pool:
        _pool.append(await create_pool(settings))
    return _pool[0]


async def enqueue(
    queue: str, seconds: float = 0, fail: bool = False, defer_by: float | None = None
) -> str:
    jobs = await pool()
    job = await jobs.enqueue_job("work", seconds, fail, _queue_name=queue, _defer_by=defer_by)
    assert job is not None
    return job.job_id


async def queued(queue: str) -> int:
    return len(await (await pool()).queued_jobs(queue_name=queue))


async def work(_: dict[str, Any], seconds: float = 0, fail: bool = False) -> None:
    await asyncio.sleep(seconds)
    if fail:
        raise RuntimeError("told to fail")


class WorkerSettings:
    functions: ClassVar = [work]
    redis_settings = settings
    queue_name = os.environ.get("QUEUE_NAME", "arq:queue")
    health_check_interval = 1
    poll_delay = 0.05
