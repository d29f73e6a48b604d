"""BullMQ 5 and 6 in Redis, by two scripts that do what BullMQ's own do; 6 in PostgreSQL, by its own functions there.

BullMQ itself looks for stalled jobs only while a worker runs. The scripts are ours and not those of the `bullmq` package,
because each release of that speaks one layout, marks on one pass what it moves on the next, and knows no `stuck_after`
(docs/decisions/0032).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Annotated, Any

from pydantic import AfterValidator, Field, field_validator

from prunella.service.settings import Secret
from receiver.queues import bullmq_postgres
from receiver.queues.base import Healed, QueueLook, QueueSystem
from receiver.queues.postgres_link import check_postgres_url, is_postgres
from receiver.queues.redis_link import ask, asking, redis_link, script
from receiver.stores.redis_store import Client
from receiver.stores.redis_url import check_redis_url
from receiver.tools import Tools

_HEAL = files(__package__).joinpath("bullmq_heal.lua").read_text(encoding="utf-8")
_PAUSE = files(__package__).joinpath("bullmq_pause.lua").read_text(encoding="utf-8")
_BATCH = 100  # jobs that one script moves: Redis answers nobody else meanwhile
_LOOK = 1000  # jobs that one round trip asks about
_OLD = "BullMQ before 5.53.2 fails jobs over their limit itself, when a worker runs"
_NAMELESS = (
    "over their limit, and the queue does not say of which BullMQ it is (only a Queue of Node writes that):"
    " say it as queue.version"
)
_CURE = (
    "give it ~<prefix>:* +hello +eval +time +exists +hget +hmget +hset +hdel +hexists +llen +lpos +lrange +lrem"
    " +rpush +rpoplpush +rename +zadd +zcard +zrange +zscore +srem +xadd +del"
)


def _check_prefix(text: str) -> str:
    if not re.fullmatch(r"[^\s*?\[\]\\\x00-\x1f\x7f]{1,60}", text):
        raise ValueError(
            "must be the prefix of the queues as the application says it, such as bull"
        )
    return text


def _check_version(text: str) -> str:
    if not re.fullmatch(r"\d{1,4}\.\d{1,4}\.\d{1,4}", text):
        raise ValueError("must be the whole version of BullMQ, such as 6.7.0")
    return text


class BullMq(QueueSystem):
    """Queues of BullMQ 5 or 6; `url` is the Redis or (6 only) the PostgreSQL that holds them.

    `prefix` is the `prefix` option of the application's queues (`bull`), in PostgreSQL the schema (`bullmq`);
    `max_stalled` the `maxStalledCount` of its workers (1); `version` is only needed where nothing but a FlowProducer or
    BullMQ for Python writes to the queue, which do not say it there. A Redis user: `ACL SETUSER prunella on >PASSWORD
    resetkeys ~bull:* resetchannels -@all +hello +eval +time +exists +hget +hmget +hset +hdel +hexists +llen +lpos
    +lrange +lrem +rpush +rpoplpush +rename +zadd +zcard +zrange +zscore +srem +xadd +del`. A PostgreSQL role:
    `GRANT USAGE ON SCHEMA bullmq TO prunella; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA bullmq TO
    prunella; GRANT USAGE ON ALL SEQUENCES IN SCHEMA bullmq TO prunella`, since BullMQ's own functions run as whoever
    calls them.
    """

    url: Secret
    prefix: Annotated[str, AfterValidator(_check_prefix)] | None = None
    max_stalled: Annotated[int, Field(ge=0)] = 1
    version: Annotated[str, AfterValidator(_check_version)] | None = None

    @field_validator("url")
    @classmethod
    def _known_store(cls, url: Secret) -> Secret:
        return check_postgres_url(url) if is_postgres(url) else check_redis_url(url)

    async def look(self, tools: Tools, queue: str, stuck_after: float) -> QueueLook:
        if is_postgres(self.url):
            return await bullmq_postgres.look(self._there(), tools, queue, stuck_after)
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                async with client.pipeline(transaction=False) as pipe:
                    pipe.llen(self._key(queue, "wait"))
                    pipe.llen(self._key(queue, "paused"))
                    pipe.zcard(self._key(queue, "prioritized"))
                    pipe.llen(self._key(queue, "active"))
                    pipe.hexists(self._key(queue, "meta"), "paused")
                    *waiting, active, paused = await pipe.execute()
                stuck = await self._stuck(client, queue, stuck_after)
        return QueueLook(sum(waiting), active, len(stuck), bool(paused))

    async def heal(self, tools: Tools, queue: str, stuck_after: float, healed: Healed) -> None:
        if is_postgres(self.url):
            await bullmq_postgres.heal(self._there(), tools, queue, stuck_after, healed)
            return
        async with redis_link(self.url, _CURE) as client:
            with asking(_CURE):
                stuck = await self._stuck(client, queue, stuck_after)
            for at in range(0, len(stuck), _BATCH):
                tools.require_lease()
                ids = stuck[at : at + _BATCH]
                _count(healed, await self._move(client, queue, stuck_after, ids))
                await tools.progress(f"{queue}: {healed} ({at + len(ids)} of {len(stuck)})")

    async def pause(self, tools: Tools, queue: str) -> bool:
        return await self._set(tools, queue, "paused")

    async def resume(self, tools: Tools, queue: str) -> bool:
        return await self._set(tools, queue, "resumed")

    async def _set(self, tools: Tools, queue: str, word: str) -> bool:
        if is_postgres(self.url):
            paused = word == "paused"
            return await bullmq_postgres.pause(self._there(), tools, queue, paused=paused)
        kinds = ("wait", "paused", "meta", "prioritized", "events", "delayed", "marker")
        async with redis_link(self.url, _CURE) as client:
            tools.require_lease()
            return bool(
                await script(client, _PAUSE, self._keys(queue, kinds), word, self.version or "")
            )

    async def _stuck(self, client: Client, queue: str, stuck_after: float) -> list[str]:
        """Active jobs without a lock that were begun so long ago; the script looks at each again."""
        prefix = self._key(queue, "")
        seconds, micros = await client.time()
        began_before = (seconds + micros / 1e6 - stuck_after) * 1000
        ids = await ask(client, "LRANGE", self._key(queue, "active"), 0, -1)
        stuck = []
        for at in range(0, len(ids), _LOOK):
            some = ids[at : at + _LOOK]
            async with client.pipeline(transaction=False) as pipe:
                for one in some:
                    pipe.exists(f"{prefix}{one}:lock")
                    pipe.exists(f"{prefix}{one}")
                    pipe.hget(f"{prefix}{one}", "processedOn")
                answers = iter(await pipe.execute())
            for one, locked, there, began in zip(some, answers, answers, answers, strict=True):
                if not locked and (not there or (began and float(began) <= began_before)):
                    stuck.append(one)
        return stuck[::-1]  # the oldest are at the end

    async def _move(
        self, client: Client, queue: str, stuck_after: float, ids: Sequence[str]
    ) -> Any:
        kinds = ("active", "wait", "paused", "meta", "stalled", "marker", "events", "repeat")
        milliseconds = int(stuck_after * 1000)
        options = (self._key(queue, ""), milliseconds, self.max_stalled, self.version or "")
        return await script(client, _HEAL, self._keys(queue, kinds), *options, *ids)

    def _key(self, queue: str, kind: str) -> str:
        return f"{self.prefix or 'bull'}:{queue}:{kind}"

    def _keys(self, queue: str, kinds: Sequence[str]) -> list[str]:
        return [self._key(queue, kind) for kind in kinds]

    def _there(self) -> bullmq_postgres.There:
        return bullmq_postgres.There(self.url, self.prefix or "bullmq", self.max_stalled)


def _count(healed: Healed, counted: Sequence[Any]) -> None:
    back, failing, gone, left, version = counted
    healed.requeued += back
    healed.failed += failing
    healed.dropped += gone
    healed.left += left
    if left:
        healed.why_left = _OLD if version else _NAMELESS
