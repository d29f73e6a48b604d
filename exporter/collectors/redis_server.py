"""Redis servers, by one INFO and one PING each, under redis_exporter's names.

A server that hangs (its sockets open, nobody at home) is down as soon as the scrape's time is nearly over; its
connection is then thrown away, because a late answer would be taken for the next question's.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import redis.asyncio
import redis.exceptions
from prometheus_client import Histogram
from prometheus_client.metrics_core import Metric
from pydantic import AfterValidator, Field
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exporter.collectors.base import Collected, Kind, World, ahead_of, entries
from exporter.collectors.redis_info import families
from prunella.service.settings import Secret, Settings

LABELS = ("name", "service")
PING_BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)

Info = Mapping[str, Any]


def _redis_url(url: Secret) -> Secret:
    try:
        usable = bool(parse_url(url.get_secret_value()))
    except (ValueError, RedisError):
        usable = False  # its own text would quote the password
    if not usable:
        raise ValueError("must be redis://host:port/db, rediss://… or unix:///path/of/redis.sock")
    return url


class RedisEntry(Settings):
    name: str = Field(min_length=1, max_length=200)
    url: Annotated[Secret, AfterValidator(_redis_url)]
    service: str = ""


class Server:
    """One entry and its connection, which lives from scrape to scrape."""

    def __init__(self, entry: RedisEntry, service: str) -> None:
        self.labels = entry.name, entry.service or service
        self._url = entry.url.get_secret_value()
        self._client: redis.asyncio.Redis | None = None

    async def look(self, until: float, ping: Histogram) -> tuple[Info | None, str]:
        """INFO's fields, or None and why not."""
        try:
            async with asyncio.timeout_at(until):
                return await self._over_any_connection(ping), ""
        except TimeoutError:
            problem = "no answer in time"
        except (RedisError, OSError) as error:
            # redis-py quotes host and port in its texts, never the password.
            problem = str(error) or type(error).__name__
        await self.close()
        return None, f"{self.labels[0]}: {problem}"

    async def _over_any_connection(self, ping: Histogram) -> Info:
        if self._client is not None:
            # The server may have been restarted, or have closed what was idle: that is no outage.
            with contextlib.suppress(ConnectionError, redis.exceptions.ConnectionError):
                return await _ask(self._client, ping.labels(*self.labels))
            await self.close()
        self._client = redis.asyncio.Redis.from_url(
            self._url, retry=Retry(NoBackoff(), 0), single_connection_client=True
        )
        return await _ask(self._client, ping.labels(*self.labels))

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(RedisError, OSError, TimeoutError):
                async with asyncio.timeout(0.05):
                    await client.aclose()


async def _ask(client: redis.asyncio.Redis, ping: Histogram) -> Info:
    loop = asyncio.get_running_loop()
    info: Info = await client.info()
    began = loop.time()
    await client.ping()
    ping.observe(loop.time() - began)
    return info


class RedisServers:
    def __init__(self, options: Sequence[RedisEntry], world: World) -> None:
        self._servers = [Server(entry, world.service) for entry in options]
        self._ping = Histogram(
            "prunella_redis_ping_seconds", "Round trip of a PING.", LABELS,
            buckets=PING_BUCKETS, registry=None,
        )  # fmt: skip
        for server in self._servers:
            self._ping.labels(*server.labels)

    async def start(self) -> None: ...

    async def stop(self) -> None:
        for server in self._servers:
            await server.close()

    async def collect(self, deadline: float) -> Collected:
        until = ahead_of(deadline)
        answers = await asyncio.gather(*(s.look(until, self._ping) for s in self._servers))
        seen = [
            (server.labels, info) for server, (info, _) in zip(self._servers, answers, strict=True)
        ]
        problems = tuple(problem for _, problem in answers if problem)
        return Collected((*families(LABELS, seen), *self._ping.collect()), problems)

    def down(self) -> Iterable[Metric]:
        return families(LABELS, [(server.labels, None) for server in self._servers])


REDIS: Kind[Sequence[RedisEntry]] = Kind(entries(RedisEntry), RedisServers)
