"""Sessions in Redis that never expire by themselves: found by their age in idleness, removed one by one.

A session is stale when it has no time to live and nobody has touched it for `session_max_age`. Between the look and the
removal somebody may come back, so the server itself looks once more in the same step (a script of three commands).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from receiver.stores.base import StoreError
from receiver.stores.redis_errors import explained
from receiver.stores.redis_keys import Pace, Swept, added_up, walk
from receiver.stores.redis_servers import primaries
from receiver.stores.redis_store import Client, RedisFacet
from receiver.tools import CalledOff, Tools

CURE = (
    "it needs `ACL SETUSER … +scan +ttl +object|idletime +eval +unlink ~PREFIX*` with each pattern's prefix;"
    " +select unless the database is 0, +cluster|slots in a cluster"
)
FOR_EVER = -1  # TTL's word for it
_REMOVE = """
if redis.call('TTL', KEYS[1]) ~= -1 then return 0 end
if redis.call('OBJECT', 'IDLETIME', KEYS[1]) < tonumber(ARGV[1]) then return 0 end
return redis.call('UNLINK', KEYS[1])
"""


@dataclass(frozen=True, slots=True)
class StaleSessions:
    """At most `max_rows` of them, `batch` in one go."""

    facet: RedisFacet
    max_rows: int = 10_000
    batch: int = 500
    dry_run: bool = False


async def stale_sessions(wish: StaleSessions, tools: Tools) -> Swept:
    """How many sessions were looked at, and how many stale ones removed (or, with `dry_run`, would be).

    Raises StoreError, also where the server counts uses instead of idleness (maxmemory-policy …-lfu).
    """
    async with primaries(wish.facet, CURE) as servers:
        run = _Run(wish, tools, Pace(tools.clock, CURE))
        try:
            await walk(servers.clients, wish.facet.session_patterns, run.pace, run.visit)
        except CalledOff:
            pass  # what is gone is told
        except StoreError as error:
            if not run.deleted or wish.dry_run:
                raise
            why = f"{error}; {run.deleted:,} sessions were deleted before that"
            raise StoreError(why, unknown=error.unknown) from error
        return Swept(run.scanned, run.deleted)


@dataclass(slots=True)
class _Run:
    """How far it has come."""

    wish: StaleSessions
    tools: Tools
    pace: Pace
    scanned: int = 0
    deleted: int = 0

    async def visit(self, client: Client, keys: list[bytes]) -> bool:
        """Until nothing more may be removed."""
        for at in range(0, len(keys), self.wish.batch):
            part = keys[at : at + self.wish.batch]
            self.scanned += len(part)
            stale = (await self._stale(client, part))[: self.wish.max_rows - self.deleted]
            if self.wish.dry_run:
                self.deleted += len(stale)
            elif stale:
                await self._remove(client, stale)
        word = "are stale" if self.wish.dry_run else "deleted"
        await self.tools.progress(f"{self.deleted:,} of {self.scanned:,} sessions {word}")
        return self.deleted < self.wish.max_rows

    async def _stale(self, client: Client, keys: Sequence[bytes]) -> list[bytes]:
        with explained(CURE, started=False):
            async with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.ttl(key)
                    pipe.object("IDLETIME", key)
                answers = await self.pace.ask(pipe.execute(raise_on_error=False))
            _raise_first(answers)
        ages = zip(keys, answers[::2], answers[1::2], strict=True)
        oldest = self.wish.facet.session_max_age
        return [key for key, ttl, idle in ages if ttl == FOR_EVER and (idle or 0) >= oldest]

    async def _remove(self, client: Client, keys: Sequence[bytes]) -> None:
        self.tools.require_lease()
        with explained(CURE, started=True):
            async with client.pipeline(transaction=False) as pipe:
                for key in keys:
                    pipe.eval(_REMOVE, 1, key, str(int(self.wish.facet.session_max_age)))
                answers = await self.pace.ask(pipe.execute(raise_on_error=False))
            deleted, error = added_up(answers)
            self.deleted += deleted
            if error is not None:
                raise error


def _raise_first(answers: Sequence[object]) -> None:
    for answer in answers:
        if isinstance(answer, RedisError):
            if "LFU" in str(answer):
                raise StoreError(
                    "its maxmemory-policy is an LFU one, which counts uses and not idle seconds, so nobody can say"
                    " which sessions are stale: give sessions a time to live, or use an LRU policy",
                    started=False,
                )
            raise answer
