"""Celery with Redis as its broker: messages that a dead worker had taken go back, before the visibility timeout is over.

Until a message is acknowledged Celery keeps it in `unacked`, without saying who holds it. So the living are asked what
they hold, and only what none of them holds goes back (docs/decisions/0032).
"""

from __future__ import annotations

import json
from bisect import bisect
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from receiver.queues.base import Healed, QueueLook, QueueSystem
from receiver.queues.celery_workers import Held, held_by_workers
from receiver.queues.redis_link import RedisUrl, ask, asking, redis_link, script
from receiver.stores.redis_store import Client
from receiver.stores.redis_url import database_of
from receiver.tools import Tools

_CURE = (
    "give it ~unacked* ~_kombu.* ~*.reply.celery.pidbox ~<queues>* &/<db>.celery.pidbox +hello +eval +time"
    " +hget +hmget +hdel +hlen +llen +rpush +rpop +sadd +srem +smembers +del +zrangebyscore +zrem +publish +client|list"
)
_SEPARATOR = "\x06\x16"
_BATCH = 500
_RESTORE = """
-- One message back to its queue, if it is still exactly the one that was looked at. KEYS 1 unacked 2 index 3 queue
redis.call('HDEL', KEYS[1], '') -- removes nothing: whoever may not do this must not begin
redis.call('ZREM', KEYS[2], '')
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return 0 end
redis.call('RPUSH', KEYS[3], ARGV[3])
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
return 1
"""


@dataclass(frozen=True, slots=True)
class _Message:
    """One that was taken and not acknowledged."""

    tag: str
    raw: str
    payload: Any
    queue: str

    @property
    def task(self) -> str:
        return str(self.payload["headers"].get("id", ""))

    @property
    def name(self) -> str:
        return str(self.payload["headers"].get("task", ""))

    def restored(self) -> str:
        """As kombu gives it back."""
        self.payload["headers"]["redelivered"] = True
        self.payload["properties"]["delivery_info"]["redelivered"] = True
        return json.dumps(self.payload)


class Celery(QueueSystem):
    """Celery 4 or newer on the Redis of `url`, with the names of its `queues`.

    A message goes back when it was taken longer ago than `stuck_after` and every worker that is connected has answered
    (`celery inspect active`, `reserved`, `scheduled`) that it does not hold it; while one does not answer, nothing is
    touched, and tasks with a `rate_limit` are only touched when no worker runs. What is acknowledged before it runs
    (`task_acks_late: false`, Celery's default) is lost with its worker, except what that had only prefetched. Workers
    need remote control, which is on by default; `monitors` is the number of Flowers, exporters and the like, which look
    like workers from outside. `priority_steps` are those of `broker_transport_options`. `global_keyprefix` is not
    spoken. A Redis user: `ACL SETUSER prunella on >PASSWORD resetkeys ~unacked* ~_kombu.* ~*.reply.celery.pidbox
    ~email* resetchannels &/0.celery.pidbox -@all +hello +eval +time +hget +hmget +hdel +hlen +llen +rpush +rpop +sadd
    +srem +smembers +del +zrangebyscore +zrem +publish +client|list`.
    """

    url: RedisUrl
    monitors: Annotated[int, Field(ge=0, le=100)] = 0
    priority_steps: Annotated[
        tuple[Annotated[int, Field(ge=0, le=9)], ...], Field(min_length=1)
    ] = (*(0, 3, 6, 9),)

    @property
    def never_pauses(self) -> str | None:
        return (
            "Celery's workers forget `cancel_consumer` when they restart: stop the workers instead"
        )

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        async with redis_link(self.url, _CURE) as client:
            lists = [self._list(queue, step) for step in self.priority_steps]
            with asking(_CURE):
                waiting = [await ask(client, "LLEN", one) for one in lists]
                old, active = await self._taken(client, queue, stuck_after)
            held = await self._held(client) if old else Held()
        return QueueLook(sum(waiting), active, sum(not _may_be_alive(one, held) for one in old))

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                old, _ = await self._taken(client, queue, stuck_after)
            if not old:
                return
            tools.require_lease()
            held = await self._held(client)
            if held.unsure:
                healed.left, healed.why_left = healed.left + len(old), held.unsure
                return
            for number, message in enumerate(old, start=1):
                if not _may_be_alive(message, held):
                    tools.require_lease()
                    healed.requeued += await self._restore(client, message)
                await tools.progress(f"{queue}: {healed} ({number} of {len(old)})")

    async def _held(self, client: Client) -> Held:
        return await held_by_workers(client, database_of(self.url), self.monitors)

    async def _taken(
        self, client: Client, queue: str, stuck_after: float
    ) -> tuple[list[_Message], int]:
        """Those of the queue that were taken so long ago, and how many are taken altogether."""
        seconds, micros = await client.time()
        before = seconds + micros / 1e6 - stuck_after
        tags = await ask(client, "ZRANGEBYSCORE", "unacked_index", "-inf", str(before))
        old: list[_Message] = []
        routes: dict[str, dict[str, str]] = {}
        for at in range(0, len(tags), _BATCH):
            some = tags[at : at + _BATCH]
            raws = await ask(client, "HMGET", "unacked", *some)
            for tag, raw in zip(some, raws, strict=True):
                message = await _read(client, tag, raw, routes) if raw else None
                if message is not None and message.queue == queue:
                    old.append(message)
        return old, await ask(client, "HLEN", "unacked")

    async def _restore(self, client: Client, message: _Message) -> int:
        priority = min(max(int(message.payload["properties"].get("priority") or 0), 0), 9)
        steps = sorted(self.priority_steps)
        step = steps[max(bisect(steps, priority) - 1, 0)]
        keys = ["unacked", "unacked_index", self._list(message.queue, step)]
        return int(
            await script(client, _RESTORE, keys, message.tag, message.raw, message.restored())
        )

    def _list(self, queue: str, step: int) -> str:
        return f"{queue}{_SEPARATOR}{step}" if step else queue


def _may_be_alive(message: _Message, held: Held) -> bool:
    return bool(held.unsure) or message.task in held.tasks or message.name in held.limited


async def _read(
    client: Client, tag: str, raw: str, routes: dict[str, dict[str, str]]
) -> _Message | None:
    """None for what is no task of a queue that its exchange and routing key name exactly."""
    try:
        payload, exchange, key = json.loads(raw)
        headers, properties = payload["headers"], payload["properties"]
        usable = bool(headers.get("id")) and "delivery_info" in properties
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if exchange and exchange not in routes:
        members = await ask(client, "SMEMBERS", f"_kombu.binding.{exchange}")
        parts = [member.split(_SEPARATOR) for member in members]
        routes[exchange] = {part[0]: part[-1] for part in parts}
    queue = routes[exchange].get(key) if exchange else key
    return _Message(tag, raw, payload, queue) if usable and queue else None
