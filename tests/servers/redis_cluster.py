"""A real Redis cluster of primaries without replicas: `async with redis_cluster(2) as nodes: nodes[0].url`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import redis.asyncio

from tests.servers.ports import free_port
from tests.servers.process import until
from tests.servers.redis import RedisServer, redis_server

SLOTS = 16_384


@asynccontextmanager
async def redis_cluster(primaries: int, *options: str) -> AsyncIterator[list[RedisServer]]:
    """Serves all slots, in equal parts, until the block ends."""
    buses = [free_port() for _ in range(primaries)]
    async with AsyncExitStack() as stack:
        nodes = [
            await stack.enter_async_context(
                redis_server("--cluster-enabled", "yes", "--cluster-port", str(bus), *options)
            )
            for bus in buses
        ]
        admins = [
            await stack.enter_async_context(redis.asyncio.Redis.from_url(n.url)) for n in nodes
        ]
        bounds = [SLOTS * number // primaries for number in range(primaries + 1)]
        for number, admin in enumerate(admins):
            await _ask(admin, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            await _ask(admin, "CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            await _ask(admin, "CLUSTER", "MEET", "127.0.0.1", nodes[0].port, buses[0])
        for admin in admins:
            await until(partial(_is_whole, admin, primaries), "the cluster is whole")
        yield nodes


async def _is_whole(admin: redis.asyncio.Redis, primaries: int) -> bool:
    info = str(await _ask(admin, "CLUSTER", "INFO"))
    return "cluster_state:ok" in info and f"cluster_size:{primaries}" in info


async def _ask(admin: redis.asyncio.Redis, *words: str | int) -> object:
    return await admin.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py leaves it untyped
