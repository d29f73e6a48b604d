"""Removes keys by pattern so slowly that nobody beside it notices: small pages, small batches, a rest after each.

Redis works for one client at a time. KEYS and a DEL of all that it found hold everybody up for as long as they take; a
page of SCAN and a batch of UNLINK hold nobody up for longer than a common command. The pages are walked twice: once to
count, so that a pattern which takes more than was thought is refused before anything is gone, and once to remove. Keys
are never kept, logged, or said.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from redis.exceptions import RedisError

from prunella.service.clock import Clock
from receiver.stores.base import StoreError
from receiver.stores.key_patterns import literal_prefix
from receiver.stores.redis_errors import explained
from receiver.stores.redis_servers import primaries
from receiver.stores.redis_store import Client, RedisFacet
from receiver.tools import CalledOff, Tools

PAGE = 100  # buckets that one SCAN looks into
BATCH = 100  # keys in one UNLINK
REST = 1.0  # the server is left alone for this many times as long as a request took
LONGEST_REST = 0.02
CURE = (
    "it needs `ACL SETUSER … +scan +unlink ~PREFIX*` with each pattern's prefix;"
    " +select unless the database is 0, +cluster|slots in a cluster"
)
CURE_FLUSH = "it needs `ACL SETUSER … +dbsize +flushdb`; +select unless the database is 0"
T = TypeVar("T")
Page = tuple[int, list[bytes]]
Visit = Callable[[Client, list[bytes]], Awaitable[bool]]  # whether it wants more


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is to be removed: the keys of these patterns, if they are not more than `max_keys`."""

    facet: RedisFacet
    patterns: tuple[str, ...]
    max_keys: int
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Swept:
    """How many keys matched when they were counted, and how many were removed after that."""

    scanned: int
    deleted: int = 0


async def sweep(wish: Sweep, tools: Tools) -> Swept:
    """Counts, then removes. Raises StoreError; what was removed before that is in its message."""
    async with primaries(wish.facet, CURE) as servers:
        run = _Run(wish, tools, Pace(tools.clock, CURE), servers.clustered)
        await walk(servers.clients, wish.patterns, run.pace, run.count)
        if run.scanned and not wish.dry_run:
            await _remove(run, servers.clients)
        return Swept(run.scanned, run.deleted)


async def flush_database(wish: Sweep, tools: Tools) -> Swept:
    """Empties the database of the url, in the background of the server. Raises StoreError."""
    async with primaries(wish.facet, CURE_FLUSH) as servers:
        if servers.clustered:
            why = "a cluster is never flushed as a whole: name patterns"
            raise StoreError(why, started=False)
        (client,) = servers.clients
        with explained(CURE_FLUSH, started=False):
            size = int(await client.dbsize())
        _require_few(size, wish.max_keys)
        if wish.dry_run or not size:
            return Swept(size)
        tools.require_lease()
        with explained(CURE_FLUSH, started=True):
            await client.flushdb(asynchronous=True)
        return Swept(size, size)


async def walk(
    clients: Sequence[Client], patterns: Iterable[str], pace: Pace, visit: Visit
) -> None:
    """Hands over the matching keys page by page. A server that answers with others is not believed. StoreError."""
    for pattern in dict.fromkeys(patterns):
        stem = literal_prefix(pattern).encode()
        for client in clients:
            cursor = -1
            while cursor:
                with explained(pace.cure, started=False):
                    asked = client.scan(max(cursor, 0), match=pattern, count=PAGE)
                    cursor, keys = await pace.ask(cast("Awaitable[Page]", asked))
                if not all(key.startswith(stem) for key in keys):
                    raise StoreError("it does not keep to SCAN's MATCH", started=False)
                if not await visit(client, keys):
                    return


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a server may be asked, and what is said to who may not ask."""

    clock: Clock
    cure: str

    async def ask(self, asked: Awaitable[T]) -> T:
        """The answer, after the server has had its rest."""
        began = self.clock.monotonic()
        answer = await asked
        await self.clock.sleep(min(LONGEST_REST, REST * (self.clock.monotonic() - began)))
        return answer


def batches(keys: list[bytes]) -> list[list[bytes]]:
    """The keys in lists that are short enough for one request."""
    return [keys[at : at + BATCH] for at in range(0, len(keys), BATCH)]


def added_up(answers: Iterable[object]) -> tuple[int, RedisError | None]:
    """The sum of a pipeline's answers, and the first error among them."""
    each = list(answers)
    errors = (answer for answer in each if isinstance(answer, RedisError))
    return sum(answer for answer in each if isinstance(answer, int)), next(errors, None)


async def _remove(run: _Run, clients: Sequence[Client]) -> None:
    try:
        await walk(clients, run.wish.patterns, run.pace, run.remove)
    except CalledOff:
        return
    except StoreError as error:
        if not run.deleted:
            raise
        why = f"{error}; {run.deleted:,} of {run.scanned:,} keys were deleted before that"
        raise StoreError(why, unknown=error.unknown) from error


@dataclass(slots=True)
class _Run:
    """How far it has come."""

    wish: Sweep
    tools: Tools
    pace: Pace
    clustered: bool
    scanned: int = 0
    deleted: int = 0

    async def count(self, _: Client, keys: list[bytes]) -> bool:
        """Of the first walk."""
        self.scanned += len(keys)
        _require_few(self.scanned, self.wish.max_keys)
        await self.tools.progress(f"{self.scanned:,} keys match so far")
        return True

    async def remove(self, client: Client, keys: list[bytes]) -> bool:
        """Of the second."""
        for batch in batches(keys):
            if self.deleted + len(batch) > self.wish.max_keys:
                raise StoreError(f"more keys came than max_keys ({self.wish.max_keys:,}) allows")
            self.tools.require_lease()
            with explained(CURE, started=True):
                await self._unlink(client, batch)
        await self.tools.progress(f"{self.deleted:,} of {self.scanned:,} keys deleted")
        return True

    async def _unlink(self, client: Client, keys: list[bytes]) -> None:
        if not self.clustered:
            self.deleted += await self.pace.ask(client.unlink(*keys))
            return
        async with client.pipeline(transaction=False) as pipe:  # one command may name one slot only
            for key in keys:
                pipe.unlink(key)
            answers = await self.pace.ask(pipe.execute(raise_on_error=False))
        deleted, error = added_up(answers)
        self.deleted += deleted
        if error is not None:
            raise error


def _require_few(matching: int, max_keys: int) -> None:
    if matching > max_keys:
        raise StoreError(
            f"more than {max_keys:,} keys match (max_keys), so nothing was deleted:"
            " name narrower patterns, or raise max_keys if they are all meant",
            started=False,
        )
