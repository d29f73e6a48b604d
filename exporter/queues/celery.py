"""Celery on Redis, where kombu keeps a list for each queue and priority, and one hash of what workers have taken.

Neither a message nor a list says since when it waits. A message whose publisher adds the header `enqueued_at` does; of any
other it is known for how long it has been the next one, which is the least that its age can be.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from exporter.queues.base import Figures, QueueEntry, Source, State, seconds_since
from exporter.queues.redis_link import Question, RedisLink, RedisUrl, count, literal, parsed, scored
from exporter.resp.replies import Reply
from prunella.service.clock import Clock
from prunella.service.settings import Duration

BINDINGS = "_kombu.binding."
# Not queues of tasks: remote control, and the events that monitors read.
FOREIGN = ("celery.pidbox", "reply.celery.pidbox", "celeryev")
PARTS = "\x06\x16"  # between routing key, pattern and queue in a binding
TAKEN = 1000  # messages that workers hold, and that are looked at


class CeleryEntry(QueueEntry):
    """`prefix` is kombu's `global_keyprefix`; the others are its transport options of the same name."""

    system: Literal["celery"]
    url: RedisUrl
    prefix: str = ""
    priority_steps: tuple[Annotated[int, Field(ge=0, le=255)], ...] = (0, 3, 6, 9)
    sep: str = "\x06\x16"
    visibility_timeout: Duration = 3600.0

    def place(self) -> str:
        return f"{self.prefix} " if self.prefix else ""

    def source(self, clock: Clock) -> Source:
        return Celery(self, RedisLink(self.url.get_secret_value()), clock)


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a worker holds and has not acknowledged."""

    queue: str
    at: float
    due: float | None  # of a task with an ETA, which the worker holds until then


@dataclass(frozen=True, slots=True)
class Next:
    """Who is next in a list, and since when we know that."""

    tag: str
    since: float


class Celery:
    def __init__(self, entry: CeleryEntry, link: RedisLink, clock: Clock) -> None:
        self._entry, self._link, self._clock = entry, link, clock
        self._queue_of: dict[tuple[str, str], str] = {}  # exchange and routing key → queue
        self._next: dict[str, Next] = {}

    async def discover(self) -> Collection[str]:
        root = f"{self._entry.prefix}{BINDINGS}"
        keys = [key.decode(errors="replace") for key in await self._link.find(f"{literal(root)}*")]
        exchanges = [key[len(root) :] for key in keys if not key[len(root) :].startswith(FOREIGN)]
        found = await self._link.members([f"{root}{exchange}" for exchange in exchanges])
        self._queue_of = {
            (exchange, parts[0]): parts[2]
            for exchange, members in zip(exchanges, found, strict=True)
            for member in members
            if len(parts := member.decode(errors="replace").split(PARTS)) == 3
        }
        return set(self._queue_of.values())

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        *lists, index = await self._link.ask(lambda ask: self._count(ask, queues), until)
        at_work = scored(index)
        tags = [tag for tag, _ in at_work]
        held = await self._link.ask(lambda ask: self._fetch(ask, tags), until)
        taken: dict[str, list[Taken]] = {}
        for one in self._taken(at_work, held[0] if held else []):
            taken.setdefault(one.queue, []).append(one)
        now, size = self._clock.now(), 2 * len(self._entry.priority_steps)
        figures = []
        for number, queue in enumerate(queues):
            own = lists[number * size : (number + 1) * size]
            since = [
                self._waits(key, head, now)
                for key, head in zip(self._lists(queue), own[1::2], strict=True)
            ]
            figures.append(self._figures(queue, own[0::2], since, taken.get(queue, ()), now))
        return figures

    def _lists(self, queue: str) -> list[str]:
        """The queue's list for each priority; the first has no suffix."""
        own = f"{self._entry.prefix}{queue}"
        return [
            f"{own}{self._entry.sep}{step}" if step else own for step in self._entry.priority_steps
        ]

    def _count(self, ask: Question, queues: Sequence[str]) -> None:
        for queue in queues:
            for key in self._lists(queue):
                ask.add("LLEN", key)
                ask.add("LINDEX", key, -1)
        ask.add("ZRANGE", f"{self._entry.prefix}unacked_index", 0, TAKEN - 1, "WITHSCORES")

    def _fetch(self, ask: Question, tags: Sequence[bytes]) -> None:
        if tags:
            ask.add("HMGET", f"{self._entry.prefix}unacked", *tags)

    def _taken(self, index: Iterable[tuple[bytes, float]], held: Reply) -> Iterable[Taken]:
        for (_, at), text in zip(index, held if isinstance(held, list) else [], strict=False):
            message = parsed(text)
            if isinstance(message, list) and len(message) == 3:
                body, exchange, key = message
                queue = self._queue_of.get((str(exchange), str(key)), str(key))
                yield Taken(queue, at, _time(_part(body, "headers").get("eta")))

    def _waits(self, key: str, head: Reply, now: float) -> float | None:
        """Since when the list's next message has been waiting, as far as that can be known."""
        message = parsed(head)
        if not isinstance(message, Mapping):
            self._next.pop(key, None)
            return None
        tag = str(_part(message, "properties").get("delivery_tag"))
        known = self._next.get(key)
        if known is None or known.tag != tag:
            known = self._next[key] = Next(tag, now)
        return _time(_part(message, "headers").get("enqueued_at")) or known.since

    def _figures(
        self, queue: str, sizes: Sequence[Reply], since: Sequence[float | None],
        taken: Sequence[Taken], now: float,
    ) -> Figures:  # fmt: skip
        active = [one for one in taken if one.due is None or one.due <= now]
        lost = now - self._entry.visibility_timeout
        jobs = {
            State.WAITING: sum(count(size) for size in sizes),
            State.DELAYED: len(taken) - len(active),
            State.ACTIVE: len(active),
        }
        ages = {
            State.WAITING: _oldest((one for one in since if one is not None), now),
            State.ACTIVE: _oldest((max(one.at, one.due or 0.0) for one in active), now),
        }
        return Figures(queue, jobs, ages, stalled=sum(one.at < lost for one in active))

    async def close(self) -> None:
        await self._link.close()


def _oldest(since: Iterable[float], now: float) -> float:
    return max((seconds_since(one * 1000, now) for one in since), default=0.0)


def _part(message: object, name: str) -> Mapping[str, Any]:
    part = message.get(name) if isinstance(message, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _time(given: object) -> float | None:
    """A Unix time, or a moment as Celery writes it."""
    if isinstance(given, int | float):
        return float(given) if math.isfinite(given) else None
    try:
        return datetime.fromisoformat(given).timestamp() if isinstance(given, str) else None
    except (ValueError, OverflowError):
        return None
