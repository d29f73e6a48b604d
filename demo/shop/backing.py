"""What stands behind the shop, and how each of it can be spoiled so that a restart of the shop does not help."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass

import asyncpg
from redis.asyncio import Redis

from demo.shop.cache import Cache
from demo.shop.catalogue import PRODUCTS
from demo.shop.faults import Fault, Kind
from demo.shop.limiter import Limiter
from demo.shop.mail import Mail
from demo.shop.orders import Orders

BEHIND = frozenset({Kind.POISON, Kind.RATELIMIT, Kind.STUCK, Kind.LAG, Kind.POOL})
UNSERVED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


@dataclass(frozen=True, slots=True)
class Backing:
    """Each is None in a shop that has none: it then works from its own memory."""

    cache: Cache | None = None
    limiter: Limiter | None = None
    mail: Mail | None = None
    orders: Orders | None = None

    async def admits(self, client: str) -> bool:
        return self.limiter is None or await self.limiter.admits(client)

    async def products(self) -> object:
        return PRODUCTS if self.cache is None else await self.cache.products()

    async def order(self) -> None:
        """Raises one of UNSERVED when the order could not be taken."""
        if self.orders is not None:
            await self.orders.place()
        if self.mail is not None:
            await self.mail.confirm()

    async def spoil(self, fault: Fault) -> None:
        """Does what the fault is about; NONE undoes what can be undone. Raises ValueError where there is nothing to spoil."""
        if fault.kind is Kind.NONE:
            await self._mend()
        elif fault.kind in BEHIND:
            spoiling = self._spoiling(fault)
            if spoiling is None:
                raise ValueError(f"this shop runs without what {fault.kind} would spoil")
            await spoiling

    def _spoiling(self, fault: Fault) -> Awaitable[None] | None:
        match (fault.kind, self.cache, self.limiter, self.mail, self.orders):
            case (Kind.POISON, Cache() as cache, *_):
                return cache.poison()
            case (Kind.RATELIMIT, _, Limiter() as limiter, *_):
                return limiter.jam()
            case (Kind.STUCK, *_, Mail() as mail, _):
                return mail.crash_workers(int(fault.jobs / 100) or 1)
            case (Kind.LAG, *_, Mail() as mail, _):
                return mail.campaign(int(fault.jobs))
            case (Kind.POOL, *_, Orders() as orders):
                return orders.forget_connections(int(fault.connections))
            case _:
                return None

    async def _mend(self) -> None:
        if self.cache is not None:
            await self.cache.cure()
        if self.limiter is not None:
            await self.limiter.free()
        if self.orders is not None:
            await self.orders.close_forgotten()

    async def close(self) -> None:
        if self.orders is not None:
            await self.orders.close()
        if self.mail is not None:
            await self.mail.close()


def backing(redis_url: str | None, database_url: str | None) -> Backing:
    """What the addresses give; nothing is connected yet."""
    orders = None if database_url is None else Orders(database_url)
    if redis_url is None:
        return Backing(orders=orders)
    redis: Redis = Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=1)
    return Backing(Cache(redis), Limiter(redis), Mail(redis_url), orders)
