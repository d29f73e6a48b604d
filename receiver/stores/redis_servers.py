"""Which servers hold the keys of one address: the server itself, or every primary of its cluster; a replica never."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ResponseError

from receiver.stores.base import StoreError
from receiver.stores.redis_errors import explained
from receiver.stores.redis_store import Client, RedisFacet, connected

SLOTS = 16_384
Node = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Servers:
    """Connections to all; where they are `clustered`, one command may name keys of one slot only."""

    clients: tuple[Client, ...]
    clustered: bool


@asynccontextmanager
async def primaries(facet: RedisFacet, cure: str) -> AsyncIterator[Servers]:
    """A connection to each. Raises StoreError(started=False) when one of them cannot be had."""
    async with AsyncExitStack() as opened:
        client = await opened.enter_async_context(connected(facet))
        with explained(cure, started=False):
            mode = await _greet(client, among_others=False)
            nodes = await _primaries_of(client) if mode == "cluster" else ()
        clients = [
            await opened.enter_async_context(connected(facet, host=host, port=port))
            for host, port in nodes
        ]
        for other in clients:
            with explained(cure, started=False):
                await _greet(other, among_others=True)
        yield Servers(tuple(clients) or (client,), mode == "cluster")


async def _greet(client: Client, *, among_others: bool) -> str:
    """The mode that it says it runs in. Raises StoreError unless it can be worked on."""
    about = await _hello(client)
    mode = about.get("mode", "standalone")
    if mode == "sentinel":
        why = "it is a Sentinel: name the primary in redis.url, or a proxy before it"
        raise StoreError(why, started=False)
    if about.get("role") == "replica" and (mode != "cluster" or among_others):
        why = "it is a read-only replica: name its primary in redis.url"
        raise StoreError(why, started=False)
    return mode


async def _hello(client: Client) -> Mapping[str, str]:
    """What the server says of itself. HELLO is free to every user; before Redis 6 there is none."""
    try:
        words = await _ask(client, "HELLO")
    except ResponseError as error:
        if "unknown command" in str(error).lower():
            return {}
        raise
    texts = [word.decode() if isinstance(word, bytes) else str(word) for word in words]
    return dict(zip(texts[::2], texts[1::2], strict=False))


async def _primaries_of(client: Client) -> tuple[Node, ...]:
    """Host and port of each. Raises StoreError unless all slots are served."""
    asked: Mapping[str, Any] = client.connection_pool.connection_kwargs
    nodes: dict[Node, None] = {}
    served = 0
    for first, last, primary, *_ in await _ask(client, "CLUSTER SLOTS"):
        served += last - first + 1
        host = (primary[0] or b"").decode() or str(asked.get("host", "localhost"))
        nodes[host, int(primary[1])] = None
    if served < SLOTS:
        raise StoreError("its cluster serves only a part of its slots", started=False)
    return tuple(nodes)


async def _ask(client: Client, command: str) -> Any:
    """The answer as it comes."""
    return await client.execute_command(*command.split())  # type: ignore[no-untyped-call] # redis-py leaves it untyped
