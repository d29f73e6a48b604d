"""Redis as queues are read from it: everything in pipelines over one kept connection; searches over one of their own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import redis.asyncio
import redis.exceptions
from pydantic import AfterValidator
from redis.asyncio.client import Pipeline
from redis.asyncio.connection import parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from exporter.queues.base import SourceError
from prunella.service.settings import Secret

T = TypeVar("T")

SEARCH_WITHIN = 30.0
SEARCH_STEP = 2000  # keys that Redis looks at before it serves others


def is_redis_url(url: str) -> bool:
    try:
        return bool(parse_url(url))
    except (ValueError, RedisError):
        return False  # its own text would quote the password


def _redis_url(url: Secret) -> Secret:
    if not is_redis_url(url.get_secret_value()):
        raise ValueError("must be redis://host:port/db, rediss://… or unix:///path/of/redis.sock")
    return url


RedisUrl = Annotated[Secret, AfterValidator(_redis_url)]


class RedisLink:
    def __init__(self, url: str) -> None:
        self._url = url
        self._client: redis.asyncio.Redis | None = None
        self._free = asyncio.Lock()

    async def ask(self, fill: Callable[[Pipeline], None], until: float) -> list[Any]:
        """One round trip. An answer may be an exception: one key of a wrong type is no reason to lose the others."""
        try:
            async with asyncio.timeout_at(until), self._free:
                return await self._over_any_connection(fill)
        except (TimeoutError, asyncio.CancelledError):
            await self.close()  # a late answer would be taken for the next question's
            raise
        except (RedisError, OSError) as error:
            await self.close()
            raise SourceError(str(error) or type(error).__name__) from None

    async def _over_any_connection(self, fill: Callable[[Pipeline], None]) -> list[Any]:
        if self._client is not None:
            # The server may have been restarted, or have closed what was idle: that is no outage.
            with contextlib.suppress(ConnectionError, redis.exceptions.ConnectionError):
                return await _run(self._client, fill)
            await self.close()
        self._client = self._new()
        return await _run(self._client, fill)

    def _new(self) -> redis.asyncio.Redis:
        return redis.asyncio.Redis.from_url(
            self._url,
            retry=Retry(NoBackoff(), 0),
            single_connection_client=True,
            socket_timeout=None,  # we have a deadline of our own; this one would be set for every single answer
            client_name="prunella-exporter",
        )

    async def find(self, pattern: str) -> list[bytes]:
        """The keys that match, by SCAN: never while somebody waits for a scrape. Raises SourceError."""

        async def search(client: redis.asyncio.Redis) -> list[bytes]:
            return [key async for key in client.scan_iter(match=pattern, count=SEARCH_STEP)]

        return await self._apart(search)

    async def members(self, keys: Sequence[str]) -> list[set[bytes]]:
        """What is in each of these sets. Raises SourceError."""

        async def read(client: redis.asyncio.Redis) -> list[set[bytes]]:
            pipeline = client.pipeline(transaction=False)
            for key in keys:
                pipeline.smembers(key)
            found: list[set[bytes]] = await pipeline.execute()
            return found

        return await self._apart(read)

    async def _apart(self, search: Callable[[redis.asyncio.Redis], Awaitable[T]]) -> T:
        client = self._new()
        try:
            async with asyncio.timeout(SEARCH_WITHIN):
                return await search(client)
        except TimeoutError:
            raise SourceError(f"not looked through within {SEARCH_WITHIN:g}s") from None
        except (RedisError, OSError) as error:
            raise SourceError(str(error) or type(error).__name__) from None
        finally:
            await _closed(client)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await _closed(client)


async def _run(client: redis.asyncio.Redis, fill: Callable[[Pipeline], None]) -> list[Any]:
    pipeline = client.pipeline(transaction=False)
    fill(pipeline)
    answers: list[Any] = await pipeline.execute(raise_on_error=False)
    refused = [one for one in answers if isinstance(one, redis.exceptions.ResponseError)]
    if refused and len(refused) == len(answers):
        raise refused[0]  # no password, no permission, still loading: it is not about one key
    return answers


async def _closed(client: redis.asyncio.Redis) -> None:
    with contextlib.suppress(RedisError, OSError, TimeoutError):
        async with asyncio.timeout(0.05):
            await client.aclose()


def literal(text: str) -> str:
    """The text as a pattern that matches nothing else."""
    return "".join(f"\\{sign}" if sign in r"\*?[]^-" else sign for sign in text)


def count(answer: object) -> int:
    """What a command that counts has said; 0 for a key that is something else."""
    return answer if isinstance(answer, int) else 0


def number(answer: object) -> float | None:
    """A finite number that was stored as text."""
    try:
        found = float(answer) if isinstance(answer, bytes | str) else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def parsed(text: object) -> Any:
    """What was stored as JSON; None for anything else."""
    try:
        return json.loads(text) if isinstance(text, bytes | str) else None
    except (ValueError, RecursionError):
        return None
