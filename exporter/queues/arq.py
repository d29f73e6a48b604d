"""arq: a sorted set of ids for each queue, by when a job may run. What runs stays in it until it is done.

There is no list of what runs: whoever is due and has a key of its own says that a worker is at it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from exporter.queues.base import Figures, QueueEntry, Source, State, seconds_since
from exporter.queues.redis_link import Question, RedisLink, RedisUrl, count, scored
from exporter.resp.replies import Reply
from prunella.service.clock import Clock

DEFAULT = "arq:queue"
HEALTH = ":health-check"
LOOKED_AT = 1000  # due jobs of one queue that are looked at; what runs has been due for longest
COMMANDS = 3


class ArqEntry(QueueEntry):
    """A queue's name is that of its key."""

    system: Literal["arq"]
    url: RedisUrl

    def source(self, clock: Clock) -> Source:
        return Arq(RedisLink(self.url.get_secret_value()), clock)


class Arq:
    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link, self._clock = link, clock

    async def discover(self) -> Collection[str]:
        """The queues that a worker has served within its last interval of health checks, and the default one."""
        keys = await self._link.find(f"*{HEALTH}")
        return {DEFAULT, *(key.decode(errors="replace").removesuffix(HEALTH) for key in keys)}

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        now = self._clock.now()
        answers = await self._link.ask(lambda ask: _count(ask, queues, now), until)
        due = [scored(head) for head in answers[2::COMMANDS]]
        runs = iter(await self._link.ask(lambda ask: _look(ask, due), until))
        return [
            _figures(
                queue,
                answers[at * COMMANDS :],
                [(since, next(runs) == 1) for _, since in due[at]],
                now,
            )
            for at, queue in enumerate(queues)
        ]

    async def close(self) -> None:
        await self._link.close()


def _count(ask: Question, queues: Sequence[str], now: float) -> None:
    moment = int(now * 1000)
    for queue in queues:
        ask.add("ZCOUNT", queue, "-inf", moment)
        ask.add("ZCOUNT", queue, f"({moment}", "+inf")
        ask.add("ZRANGEBYSCORE", queue, "-inf", moment, "WITHSCORES", "LIMIT", 0, LOOKED_AT)


def _look(ask: Question, due: Sequence[Sequence[tuple[bytes, float]]]) -> None:
    for jobs in due:
        for job, _ in jobs:
            ask.add("EXISTS", b"arq:in-progress:" + job)


def _figures(
    queue: str, answers: Sequence[Reply], due: Sequence[tuple[float, bool]], now: float
) -> Figures:
    active = sum(runs for _, runs in due)
    jobs = {
        State.WAITING: count(answers[0]) - active,
        State.DELAYED: count(answers[1]),
        State.ACTIVE: active,
    }
    waiting = [since for since, runs in due if not runs]
    return Figures(queue, jobs, {State.WAITING: seconds_since(waiting[0], now) if waiting else 0.0})
