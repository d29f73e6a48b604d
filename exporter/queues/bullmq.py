"""BullMQ 5 and 6 in Redis (and 6 in PostgreSQL, beside this), as `{prefix}:{queue}:{part}`.

5 renames `wait` to `paused` while a queue is paused, 6 leaves it: the sum of both lists is right for either. An id that
is `active` without a lock belongs to a worker that has died.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator

from exporter.postgres.link import check_postgres_url, is_postgres_url
from exporter.queues.base import Figures, QueueEntry, Recent, Source, State, seconds_since
from exporter.queues.bullmq_postgres import bearing, postgres_bullmq
from exporter.queues.redis_link import (
    Question,
    RedisLink,
    check_queues_url,
    count,
    literal,
    number,
    parsed,
    scored,
    texts,
)
from exporter.resp.replies import Reply
from prunella.service.clock import Clock
from prunella.service.settings import Secret

ACTIVE = 1000  # ids of one queue that are looked at for a lock
HOUR = 3600.0
SETS = {  # the sorted sets, and what they hold
    State.PRIORITIZED: "prioritized",
    State.DELAYED: "delayed",
    State.COMPLETED: "completed",
    State.FAILED: "failed",
    State.WAITING_CHILDREN: "waiting-children",
}
NAMED = re.compile(rb" name=(\S+)")
DUE = 4096  # a delayed job's score is its due time in ms times this, plus a sequence
COMMANDS = 12 + 2 * len(SETS)


def _url(url: Secret) -> Secret:
    if url.get_secret_value().startswith("postgres"):
        return check_postgres_url(url)
    try:
        return check_queues_url(url)
    except ValueError as error:
        raise ValueError(f"{error}, or postgresql://… for BullMQ 6 in PostgreSQL") from None


class BullMqEntry(QueueEntry):
    """`prefix` is BullMQ's own: of the keys (bull), or the schema in PostgreSQL (bullmq)."""

    system: Literal["bullmq"]
    url: Annotated[Secret, AfterValidator(_url)]
    prefix: str = ""

    def place(self) -> str:
        return f"{self.prefix} " if self.prefix else ""

    def source(self, clock: Clock) -> Source:
        url = self.url.get_secret_value()
        if is_postgres_url(url):
            return postgres_bullmq(url, self.prefix or "bullmq")
        return BullMq(RedisLink(url), self.prefix or "bull", clock)


@dataclass(frozen=True, slots=True)
class Counted:
    """A queue after the first round trip."""

    name: str
    root: bytes  # of its keys
    jobs: Mapping[State, int]
    paused: bool
    completed: float | None
    failed: float | None
    waiting: Sequence[bytes]  # who may be the oldest
    active: Sequence[bytes]
    first: Mapping[State, tuple[bytes, float]]  # of each sorted set
    gone: bool  # jobs were added that are there no more


class BullMq:
    def __init__(self, link: RedisLink, prefix: str, clock: Clock) -> None:
        self._link, self._prefix, self._clock = link, prefix, clock
        self._queues: Sequence[str] = ()
        self._first = self._count(())

    async def discover(self) -> Collection[str]:
        keys = await self._link.find(f"{literal(self._prefix)}:*:meta")
        ends = len(self._prefix) + 1, -len(":meta")
        names = {key.decode(errors="replace")[ends[0] : ends[1]] for key in keys}
        return {name for name in names if ":" not in name}

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        if queues != self._queues:
            self._queues, self._first = queues, self._count(queues)
        asked, replies = self._first
        *answers, clients = await self._link.ask_again(asked, replies, until, optional=1)
        counted = [
            _counted(name, self._root(name), answers[start : start + COMMANDS])
            for name, start in zip(queues, range(0, len(answers), COMMANDS), strict=True)
        ]
        now = self._clock.now()
        jobs = iter(await self._link.ask(lambda ask: _look(ask, counted, now), until))
        workers = _workers(clients)
        return [
            _figures(queue, jobs, now, self._worker_count(queue.name, workers)) for queue in counted
        ]

    def _root(self, queue: str) -> bytes:
        return f"{self._prefix}:{queue}:".encode()

    def _count(self, queues: Sequence[str]) -> tuple[bytes, int]:
        """What is asked first, which is the same as long as the queues are."""
        ask = Question()
        for queue in queues:
            root = self._root(queue)
            # before the jobs: one that is added meanwhile is not missed
            ask.add("GET", root + b"id")
            for part in (b"wait", b"paused", b"active"):
                ask.add("LLEN", root + part)
            ask.add("HEXISTS", root + b"meta", "paused")
            for part in (b"completed", b"failed"):
                ask.add("HGET", root + b"metrics:" + part, "count")
            for part in (b"wait", b"paused"):
                ask.add("LINDEX", root + part, -1)  # next in line
                # last in line, or the first of those that were pushed in front
                ask.add("LINDEX", root + part, 0)
            ask.add("LRANGE", root + b"active", 0, ACTIVE - 1)
            for key in SETS.values():
                ask.add("ZCARD", root + key.encode())
                ask.add("ZRANGE", root + key.encode(), 0, 0, "WITHSCORES")
        ask.add("CLIENT", "LIST")
        return ask.packed(), ask.replies

    def _worker_count(self, queue: str, clients: Mapping[str, int] | None) -> int | None:
        if clients is None:
            return None
        node = f"{self._prefix}:{base64.b64encode(queue.encode()).decode()}"
        # the Python package spells the queue's name out, and names both connections of a worker
        python = bearing(f"{self._prefix}:{queue}", clients)
        return bearing(node, clients) + (python + 1) // 2

    async def close(self) -> None:
        await self._link.close()


def _workers(clients: Reply) -> Mapping[str, int] | None:
    """How many connections bear each name; None where the server does not say."""
    if not isinstance(clients, bytes):
        return None
    return Counter(name.decode(errors="replace") for name in NAMED.findall(clients))


def _counted(name: str, root: bytes, answers: Sequence[Reply]) -> Counted:
    added, wait, stopped, active, paused, completed, failed, *ends = answers[:11]
    # Up to version 4 a marker of no job lay at the end of `wait`.
    waiting = [one for one in ends if isinstance(one, bytes) and not one.startswith(b"0:")]
    markers = sum(isinstance(one, bytes) and one.startswith(b"0:") for one in (ends[0], ends[2]))
    jobs = {State.WAITING: count(wait) + count(stopped) - markers, State.ACTIVE: count(active)}
    first = {}
    for state, size, head in zip(SETS, answers[12::2], answers[13::2], strict=True):
        jobs[state] = count(size)
        if known := scored(head):
            first[state] = known[0]
    return Counted(
        name, root, jobs, paused == 1, number(completed), number(failed),
        sorted(set(waiting)), texts(answers[11]), first, (number(added) or 0.0) > sum(jobs.values()),
    )  # fmt: skip


def _look(ask: Question, queues: Sequence[Counted], now: float) -> None:
    for queue in queues:
        for job in _candidates(queue):
            ask.add("HMGET", queue.root + job, "timestamp", "opts", "processedOn")
        for job in queue.active:
            ask.add("HGET", queue.root + job, "processedOn")
            ask.add("EXISTS", queue.root + job + b":lock")
        since = _window(queue, now)
        ask.add("ZCOUNT", queue.root + b"completed", since, "+inf")
        ask.add("ZCOUNT", queue.root + b"failed", since, "+inf")


def _candidates(queue: Counted) -> list[bytes]:
    first = queue.first.get(State.PRIORITIZED)
    return [*queue.waiting, *([first[0]] if first else [])]


def _window(queue: Counted, now: float) -> float:
    """From when on everything that ended is still there: completed jobs are often kept for less than an hour."""
    oldest = queue.first.get(State.COMPLETED)
    hour = (now - HOUR) * 1000
    return max(hour, oldest[1]) if oldest and queue.gone else hour


def _kept(queue: Counted) -> bool:
    """Whether it is known how jobs ended, and not only how badly: an app may let go of all that went well at once."""
    return State.COMPLETED in queue.first or not queue.gone


def _figures(queue: Counted, jobs: Iterator[Reply], now: float, workers: int | None) -> Figures:
    waited = [_waiting_since(next(jobs)) for _ in _candidates(queue)]
    active = [(number(next(jobs)), next(jobs)) for _ in queue.active]
    completed, failed = count(next(jobs)), count(next(jobs))
    in_line, prioritized = waited[: len(queue.waiting)], waited[len(queue.waiting) :]
    ages = {
        State.WAITING: _oldest(in_line, now),
        State.PRIORITIZED: _oldest(prioritized, now),
        State.ACTIVE: _oldest([since for since, _ in active], now),
    }
    for state in (State.COMPLETED, State.FAILED, State.WAITING_CHILDREN):
        ages[state] = _oldest([queue.first[state][1]] if state in queue.first else [], now)
    due = queue.first.get(State.DELAYED)
    ages[State.DELAYED] = _oldest([due[1] / DUE] if due else [], now)
    return Figures(
        queue.name, queue.jobs, ages, paused=queue.paused, workers=workers,
        stalled=sum(1 for _, locked in active if locked == 0),
        completed=None if queue.completed is None else int(queue.completed),
        failed=None if queue.failed is None else int(queue.failed),
        recent=Recent(completed, failed) if _kept(queue) else None,
    )  # fmt: skip


def _waiting_since(job: Reply) -> float | None:
    """When it came to wait: as it was added, when its delay was over, or after it was last begun."""
    if not isinstance(job, list) or (added := number(job[0])) is None:
        return None  # gone in the meantime
    said = job[1]
    options = parsed(said) if isinstance(said, bytes) and b'"delay"' in said else None
    delay = options.get("delay") if isinstance(options, dict) else None
    waited = delay if isinstance(delay, int | float) else 0.0
    return max(added + waited, number(job[2]) or 0.0)


def _oldest(since: Sequence[float | None], now: float) -> float:
    known = [one for one in since if one is not None]
    return seconds_since(min(known), now) if known else 0.0
