"""RQ 1, 2 and 3: a list of ids for each queue, a hash for each job, and sorted sets of what has begun and ended.

Workers renew the entry of what they work on; one whose time is over belongs to a worker that has died.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Literal

from exporter.queues.base import Figures, QueueEntry, Source, State, seconds_since
from exporter.queues.redis_link import Question, RedisLink, RedisUrl, count, scored, texts
from exporter.resp.replies import Reply
from prunella.service.clock import Clock

COMMANDS = 13
WORKERS = 200  # of one queue that are looked up
# What a job's hash says of when it came into a state.
MOMENTS = {"enqueued_at": State.WAITING, "started_at": State.ACTIVE, "ended_at": State.FAILED}


class RqEntry(QueueEntry):
    """`prefix` is RQ's own, which can be changed from version 3 on."""

    system: Literal["rq"]
    url: RedisUrl
    prefix: str = "rq"

    def place(self) -> str:
        return f"{self.prefix} "

    def source(self, clock: Clock) -> Source:
        return Rq(RedisLink(self.url.get_secret_value()), self.prefix, clock)


class Rq:
    def __init__(self, link: RedisLink, prefix: str, clock: Clock) -> None:
        self._link, self._prefix, self._clock = link, prefix, clock

    async def discover(self) -> Collection[str]:
        (keys,) = await self._link.members([f"{self._prefix}:queues"])
        start = len(f"{self._prefix}:queue:")
        return {key.decode(errors="replace")[start:] for key in keys}

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        now = self._clock.now()
        *answers, suspended = await self._link.ask(lambda ask: self._count(ask, queues, now), until)
        rows = [answers[at : at + COMMANDS] for at in range(0, len(answers), COMMANDS)]
        found = iter(await self._link.ask(lambda ask: self._look(ask, rows), until))
        return [
            self._figures(queue, row, found, now, paused=suspended == 1)
            for queue, row in zip(queues, rows, strict=True)
        ]

    def _count(self, ask: Question, queues: Sequence[str], now: float) -> None:
        for queue in queues:
            ask.add("LLEN", self._key("queue", queue))
            ask.add("LINDEX", self._key("queue", queue), 0)
            for registry in ("wip", "failed", "deferred", "scheduled"):
                ask.add("ZCARD", self._key(registry, queue))
            # those whose time is over are still there
            ask.add("ZCOUNT", self._key("finished", queue), now, "+inf")
            ask.add("ZCOUNT", self._key("wip", queue), 0, now)
            ask.add("ZRANGE", self._key("wip", queue), 0, 0)
            ask.add("ZRANGE", self._key("failed", queue), 0, 0)
            ask.add("ZRANGE", self._key("scheduled", queue), 0, 0, "WITHSCORES")
            ask.add("ZCARD", self._key("ready", queue))  # on its way into the list
            ask.add("SMEMBERS", self._key("workers", queue))
        ask.add("EXISTS", f"{self._prefix}:suspended")

    def _key(self, kind: str, name: str) -> str:
        return f"{self._prefix}:{kind}:{name}"

    def _look(self, ask: Question, rows: Sequence[Sequence[Reply]]) -> None:
        for row in rows:
            for job, moment in _first(row):
                ask.add("HGET", self._key("job", job), moment)
            for worker in _names(row[-1]):
                ask.add("EXISTS", worker)  # what a killed one was registered with stays

    def _figures(
        self, queue: str, row: Sequence[Reply], found: Iterator[Reply], now: float, *, paused: bool
    ) -> Figures:
        (
            waiting,
            _,
            wip,
            failed,
            deferred,
            scheduled,
            finished,
            expired,
            _,
            _,
            due,
            ready,
            workers,
        ) = row
        jobs = {
            State.WAITING: count(waiting) + count(ready), State.DELAYED: count(scheduled),
            State.ACTIVE: count(wip), State.COMPLETED: count(finished),
            State.FAILED: count(failed), State.WAITING_CHILDREN: count(deferred),
        }  # fmt: skip
        ages = dict.fromkeys((State.WAITING, State.ACTIVE, State.FAILED), 0.0)
        for _, moment in _first(row):
            ages[MOMENTS[moment]] = _age(next(found), now)
        first = scored(due)
        ages[State.DELAYED] = max(0.0, now - first[0][1]) if first else 0.0
        there = sum(count(next(found)) for _ in _names(workers))
        return Figures(queue, jobs, ages, paused=paused, workers=there, stalled=count(expired))

    async def close(self) -> None:
        await self._link.close()


def _first(row: Sequence[Reply]) -> list[tuple[str, str]]:
    """The first of what waits, is worked on and has failed, and the moment that its age begins with."""
    running = _head(row[8])
    found = [
        (_head([row[1]]), "enqueued_at"),
        (running.rpartition(":")[0] or running, "started_at"),  # from version 2 on with its execution
        (_head(row[9]), "ended_at"),
    ]  # fmt: skip
    return [(job, moment) for job, moment in found if job]


def _head(members: Reply) -> str:
    found = texts(members)
    return found[0].decode(errors="replace") if found else ""


def _names(members: Reply) -> list[bytes]:
    return sorted(texts(members))[:WORKERS]


def _age(text: object, now: float) -> float:
    if not isinstance(text, bytes):
        return 0.0
    try:
        moment = datetime.fromisoformat(text.decode()).astimezone(UTC)
    except ValueError:
        return 0.0
    return seconds_since(moment.timestamp() * 1000, now)
