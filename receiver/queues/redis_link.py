"""The Redis that holds a queue, for one piece of work: reached as the `redis` facet is, spoken to in text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

from pydantic import AfterValidator

from prunella.service.settings import Secret
from receiver.stores.base import StoreError
from receiver.stores.redis_errors import explained
from receiver.stores.redis_store import Client, RedisFacet, connected
from receiver.stores.redis_url import check_redis_url

RedisUrl = Annotated[Secret, AfterValidator(check_redis_url)]


@asynccontextmanager
async def redis_link(url: Secret, cure: str) -> AsyncIterator[Client]:
    """Connected to a server that can be written to; `cure` is said to who has no permission. Raises StoreError.

    What the block asks for may change something: a question goes into `asking`.
    """
    facet = RedisFacet(url=url)
    # an id is somebody else's bytes, and goes back as it came
    text = {"decode_responses": True, "encoding_errors": "surrogateescape"}
    with _of_the_queue(cure):
        async with connected(facet, **text) as client:
            with explained(cure, started=False):
                await _require_primary(client)
            with explained(cure, started=True):
                yield client


@contextmanager
def asking(cure: str) -> Iterator[None]:
    """A block that surely changes nothing."""
    with explained(cure, started=False):
        yield


async def script(client: Client, lua: str, keys: list[str], *arguments: str | float) -> Any:
    """Runs a script; its keys and arguments are the only things that vary."""
    return await ask(client, "EVAL", lua, len(keys), *keys, *arguments)


async def ask(client: Client, *command: str | float) -> Any:
    """One command as it stands."""
    return await client.execute_command(*command)  # type: ignore[no-untyped-call] # untyped in redis-py


@contextmanager
def _of_the_queue(cure: str) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        text = str(error).replace("redis.url", "queue.url")
        if "executing the script" in text:  # how Redis 7 words it when a script is stopped half-way
            text = f"the user in queue.url has no permission: {cure}"
        raise StoreError(text, started=error.started, unknown=error.unknown) from error


async def _require_primary(client: Client) -> None:
    """Asks what is free to every user."""
    said = await ask(client, "HELLO")
    about = dict(zip(said[::2], said[1::2], strict=False))
    if about.get("role") == "replica":
        raise StoreError("it is a read-only replica: name its primary in queue.url", started=False)
    if about.get("mode") != "standalone":
        why = f"it is a Redis {about.get('mode')}: the queue facet works on one server only"
        raise StoreError(why, started=False)
