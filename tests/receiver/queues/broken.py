"""Queues with work in them that somebody died over, and the actions on them as the receiver runs them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import redis.asyncio

from receiver.actions.base import Done
from receiver.actions.heal_stuck_jobs import HealStuckJobs
from receiver.actions.pause_queue import PauseQueue
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.effects import an_effect
from tests.receiver.stand_ins import a_toolbox
from tests.servers.bullmq import BullMq, bullmq
from tests.servers.process import until

QUICK = {"lockDuration": 200, "stalledInterval": 600_000}  # only we look for stalled jobs


def a_target(url: str, *, system: str = "bullmq", **options: Any) -> Target:
    facet = {"system": system, "url": url, "queues": ["email"], "stuck_after": "100ms", **options}
    return Target.model_validate({"name": "jobs", "queue": facet})


async def heal(
    target: Target, *, tools: Tools | None = None, timeout: float = 20.0, **options: Any
) -> Done:
    effect = replace(an_effect(target, timeout=timeout), kind="heal_stuck_jobs")
    return await HealStuckJobs.model_validate(options).run(effect, tools or a_toolbox())


async def pause(target: Target, **options: Any) -> Done:
    return await PauseQueue.model_validate(options).run(an_effect(target), a_toolbox())


async def stuck(target: Target, queue: str = "email") -> int:
    assert target.queue is not None
    return (await target.queue.look(a_toolbox(), queue, target.queue.stuck_after)).stuck


async def until_stuck(target: Target, number: int, queue: str = "email") -> None:
    async def all_of_them() -> bool:
        return await stuck(target, queue) == number

    await until(all_of_them, f"{number} jobs are stuck")


async def told(url: str, *command: object) -> Any:
    """What a Redis answers to one command, in bytes."""
    async with redis.asyncio.from_url(url) as client:
        return await client.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py


async def events_of(url: str, queue: str = "email") -> list[dict[str, str]]:
    """BullMQ's own event stream."""
    found = []
    for _, fields in await told(url, "XRANGE", f"bull:{queue}:events", "-", "+"):
        words = [
            word.decode()
            for word in (fields if isinstance(fields, list) else sum(fields.items(), ()))
        ]
        found.append(dict(zip(words[::2], words[1::2], strict=True)))
    return found


@asynccontextmanager
async def crashing(
    url: str, *jobs: object, major: int = 6, prefix: str = "bull"
) -> AsyncIterator[BullMq]:
    """A process that has begun these jobs (what `add` takes after the name) and is killed at the end of the block."""
    async with bullmq(url, major=major, prefix=prefix) as doomed:
        for job in jobs:
            more = job if isinstance(job, tuple) else (job,)
            await doomed.call("email", "add", "job", *more)
        await doomed.work("email", concurrency=len(jobs), **QUICK)
        await until(lambda: len(doomed.runs) == len(jobs), "all have begun")
        yield doomed
        await doomed.kill()
