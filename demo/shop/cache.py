"""The shop's cache, with a fault that is found in many: what cannot be read is stepped around, and stays there."""

from __future__ import annotations

import json
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from demo.shop.catalogue import PRODUCTS
from prunella.timing import timer

KEY = "cache:products"
KEEP = 30  # seconds


class Cache:
    """The catalogue in Redis. Customers never wait for it or suffer from it; the metrics tell."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def products(self) -> Any:
        """From the cache, else from the catalogue."""
        try:
            with timer("external", "cache"):
                raw = await self._redis.get(KEY)
                found = None if raw is None else json.loads(raw)
            if found is None:
                await self._redis.set(KEY, json.dumps(PRODUCTS), ex=KEEP)
        except (RedisError, OSError, ValueError):
            found = None
        return found or PRODUCTS

    async def poison(self) -> None:
        """An old release has written what this one cannot read, for ever."""
        await self._redis.set(KEY, b"\x80\x02}q\x00.")

    async def cure(self) -> None:
        await self._redis.delete(KEY)
