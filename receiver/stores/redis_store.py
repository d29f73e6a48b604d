"""Redis as a target's facet: where it is, which keys may be touched there, and a connection that ends in time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import redis.asyncio
from pydantic import AfterValidator, Field
from redis import exceptions
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from prunella.service.rules import Rule
from prunella.service.settings import Duration, Secret, Settings
from receiver.stores.key_patterns import KeyPattern, collisions
from receiver.stores.redis_url import check_redis_url, database_of, options_of

Client = redis.asyncio.Redis
GOODBYE = 0.2  # seconds for closing a connection whose other end may hang


def _countable(age: float) -> float:
    """Redis counts idle seconds in 24 bits, which is 194 days, and not to the second."""
    if not 60 <= age <= 180 * 86400:
        raise ValueError("must be between 1m and 180d: Redis counts idleness no further")
    return age


class RedisFacet(Settings):
    """A Redis 6 or newer (Valkey, too) with what may be removed from it, by patterns in Redis' own syntax.

    `url` is redis://, rediss:// or unix://, with the database's number, and the name and password of a user if it needs
    one; of a cluster it names any node. A pattern must begin with a literal prefix. `flushable_database` repeats the
    number of the database if it may be emptied as a whole, because nothing else lives in it. A command that is not
    answered within `timeout` has failed. Sentinel is not spoken: name the primary, or a proxy before it.
    """

    url: Annotated[Secret, AfterValidator(check_redis_url)]
    cache_patterns: tuple[KeyPattern, ...] = ()
    rate_limit_patterns: tuple[KeyPattern, ...] = ()
    session_patterns: tuple[KeyPattern, ...] = ()
    session_max_age: Annotated[Duration, AfterValidator(_countable)] = 30 * 86400.0
    flushable_database: Annotated[int, Field(ge=0)] | None = None
    timeout: Annotated[Duration, Field(gt=0, le=60)] = 5.0

    @property
    def database(self) -> int:
        """The number in the url."""
        return database_of(self.url)

    @Rule
    def _flushes_its_own(self) -> Iterator[str]:
        if self.flushable_database not in (None, self.database):
            yield f"flushable_database is {self.flushable_database}, but url is of database {self.database}"

    @Rule
    def _takes_its_own(self) -> Iterator[str]:
        lists = ("cache_patterns", "rate_limit_patterns", "session_patterns")
        known = ((name, getattr(self, name, ())) for name in lists)
        for name, pattern, other, theirs in collisions(known):
            yield f"{pattern} of {name} would take what {other} names as {theirs}"


@asynccontextmanager
async def connected(facet: RedisFacet, **other: Any) -> AsyncIterator[Client]:
    """One connection to the server in the url, or to another `host` and `port` with the same name and password."""
    pool = redis.asyncio.ConnectionPool(
        **{**options_of(facet.url), **other},
        socket_timeout=facet.timeout,
        socket_connect_timeout=facet.timeout,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=None,  # CLIENT SETINFO is one more command that a narrow user may not give
    )
    client = Client.from_pool(pool)
    try:
        yield client
    finally:
        with suppress(exceptions.RedisError, OSError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await client.aclose()
