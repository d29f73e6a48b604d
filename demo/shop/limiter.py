"""So many requests of one client in so many seconds, counted in Redis.

The counter and its end are two commands: a process that dies between them leaves a counter that never ends, and a
client that is rejected for ever.
"""

from __future__ import annotations

from redis.asyncio import Redis
from redis.exceptions import RedisError

PREFIX = "rl:"
WINDOW, LIMIT = 10, 600


class Limiter:
    """Lets everybody in when Redis cannot be asked."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._last = "127.0.0.1"

    async def admits(self, client: str) -> bool:
        """Counts the request, and says whether it may pass."""
        self._last = client
        try:
            count = int(await self._redis.incr(PREFIX + client))
            if count == 1:
                await self._redis.expire(PREFIX + client, WINDOW)
        except (RedisError, OSError):
            return True
        return count <= LIMIT

    async def jam(self) -> None:
        """The counter of who came last has lost its end."""
        await self._redis.set(PREFIX + self._last, 1_000_000)

    async def free(self) -> None:
        await self._redis.delete(PREFIX + self._last)
