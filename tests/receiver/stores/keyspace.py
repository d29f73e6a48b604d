"""A private Redis full of keys, and what the tests of the Redis facet ask of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import redis.asyncio

from prunella.service.clock import SystemClock
from receiver.stores.redis_store import RedisFacet
from receiver.tools import Tools
from tests.receiver.stand_ins import a_toolbox
from tests.servers.redis import RedisServer, redis_server

DEBUGGABLE = ("--enable-debug-command", "yes")


@dataclass
class Keyspace:
    """One server, seen by an administrator."""

    server: RedisServer
    admin: redis.asyncio.Redis

    async def fill(self, count: int, prefix: str = "cache") -> None:
        """`cache:0` and so on, made by the server itself."""
        await self.ask("DEBUG", "POPULATE", count, prefix, 20)

    async def put(self, *keys: bytes | str) -> None:
        for key in keys:
            await self.admin.set(key, b"v")

    async def keys(self) -> set[bytes]:
        return {key for key in await self.admin.keys() if isinstance(key, bytes)}

    async def digest(self) -> bytes:
        """The same for two databases exactly if they hold the same keys with the same values."""
        return bytes(await self.ask("DEBUG", "DIGEST"))

    async def user(self, *rules: str) -> str:
        """The url of a new user who may do only that."""
        await self.ask("ACL", "SETUSER", "narrow", "reset", "on", ">s3cret", *rules)
        return self.server.url.replace("redis://", "redis://narrow:s3cret@")

    async def calls(self, command: str) -> int:
        """How often a command has been given."""
        stats = await self.admin.info("commandstats")
        return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])

    async def ask(self, *words: Any) -> Any:
        return await self.admin.execute_command(*words)  # type: ignore[no-untyped-call] # redis-py leaves it untyped


@asynccontextmanager
async def keyspace(*options: str) -> AsyncIterator[Keyspace]:
    async with redis_server(*DEBUGGABLE, *options) as server, administered(server) as space:
        yield space


@asynccontextmanager
async def administered(server: RedisServer) -> AsyncIterator[Keyspace]:
    admin = redis.asyncio.Redis.from_url(server.url, protocol=2)
    try:
        yield Keyspace(server, admin)
    finally:
        await admin.aclose()


def facet(url: str, *cache: str, **more: object) -> RedisFacet:
    return RedisFacet.model_validate(
        {"url": url, "cache_patterns": list(cache) or ["cache:*"], "timeout": "1s", **more}
    )


class Hurried(SystemClock):
    """Does not rest; how long others wait meanwhile is measured elsewhere."""

    async def sleep(self, seconds: float) -> None:
        await super().sleep(0)


@dataclass
class Watcher:
    """Tools of a receiver whose lease can run out, and which hears how far an action has come."""

    leases: int = 1_000_000
    asked: int = 0
    at_lease: Callable[[int], None] = field(default=lambda _: None)  # told the number
    said: list[str] = field(default_factory=list)
    over: type[Exception] = field(default_factory=lambda: LeaseLost)

    def require_lease(self) -> None:
        self.asked += 1
        self.at_lease(self.asked)
        if self.asked > self.leases:
            raise self.over

    async def progress(self, text: str) -> None:
        self.said.append(text)

    @property
    def tools(self) -> Tools:
        return replace(
            a_toolbox(),
            clock=Hurried(),
            require_lease=self.require_lease,
            progress=self.progress,
        )


class LeaseLost(Exception):
    """What a receiver that was away for too long gets instead of an effect."""
