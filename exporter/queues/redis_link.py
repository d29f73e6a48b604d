"""Redis as queues are read from it: every scrape over one kept connection, searches over one of their own.

A scrape asks for hundreds of small things. They go out in one write, whose bytes are made once where they can be, and
the replies are taken as they come: a client that makes an object of each command costs ten times what Redis does.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator

from exporter.kept import Kept, NoAnswerError
from exporter.queues.base import SourceError
from exporter.resp.link import Dialect, address, check_redis_url
from exporter.resp.replies import RefusedError, Reply
from exporter.resp.wire import Wire
from exporter.tls_options import options_of
from prunella.service.settings import Secret

T = TypeVar("T")
Word = bytes | str | int | float

SEARCH_WITHIN = 30.0
SEARCH_STEP = 2000  # keys that Redis looks at before it serves others


def check_queues_url(url: Secret) -> Secret:
    """Raises ValueError, without a word of the password."""
    check_redis_url(url)
    if not _database(url.get_secret_value()).isdecimal():
        raise ValueError("must be redis://host:port/db, with the number of the database")
    return url


RedisUrl = Annotated[Secret, AfterValidator(check_queues_url)]


class Question:
    """Commands that go out together; an answer is the replies to all of them, in their order."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.replies = 0

    def add(self, *words: Word) -> None:
        self._parts.append(b"*%d\r\n" % len(words))
        for word in words:
            said = word if isinstance(word, bytes) else str(word).encode()
            self._parts.append(b"$%d\r\n%b\r\n" % (len(said), said))
        self.replies += 1

    def packed(self) -> bytes:
        return b"".join(self._parts)


Fill = Callable[[Question], None]


class _Database(Dialect):
    """Connections that are in the database of the url."""

    def __init__(self, url: str) -> None:
        super().__init__(address(url))
        self._database = _database(url)

    async def open(self) -> Wire:
        wire = await super().open()
        if self._database != "0":
            (said,) = await wire.all(("SELECT", self._database))
            if isinstance(said, RefusedError):
                wire.cut()
                raise said
        return wire


class RedisLink:
    def __init__(self, url: str) -> None:
        dialect = _Database(url)
        self._scrapes, self._searches = Kept(dialect), Kept(dialect)
        self._free = asyncio.Lock()

    async def ask(self, fill: Fill, until: float) -> list[Reply]:
        """One round trip. A reply may be a refusal: one key of a wrong type is no reason to lose the others."""
        question = Question()
        fill(question)
        return await self.ask_again(question.packed(), question.replies, until)

    async def ask_again(
        self, packed: bytes, replies: int, until: float, optional: int = 0
    ) -> list[Reply]:
        """As `ask`, with what was asked before; the last `optional` may be refused. Raises TimeoutError and SourceError."""
        if not replies:
            return []
        async with asyncio.timeout_at(until), self._free:
            found = await _asked(self._scrapes, lambda wire: wire.ask(packed, replies), until)
        for one in found[: replies - optional]:
            # No permission, still loading, on another node of a cluster: a queue that cannot be read is not empty.
            if isinstance(one, RefusedError) and not str(one).startswith("WRONGTYPE"):
                raise SourceError(str(one))
        return found

    async def find(self, pattern: str) -> list[bytes]:
        """The keys that match, by SCAN: never while somebody waits for a scrape. Raises SourceError."""

        async def search(wire: Wire) -> list[bytes]:
            cursor, found = "0", set[bytes]()
            while True:
                words = ("SCAN", cursor, "MATCH", pattern, "COUNT", str(SEARCH_STEP))
                said, keys = _pair((await wire.all(words))[0])
                found.update(keys)
                cursor = said.decode()
                if cursor == "0":
                    return list(found)

        return await self._apart(search)

    async def members(self, keys: Sequence[str]) -> list[set[bytes]]:
        """What is in each of these sets. Raises SourceError."""

        async def read(wire: Wire) -> list[set[bytes]]:
            said = await wire.all(*(("SMEMBERS", key) for key in keys))
            return [set(texts(one)) for one in said]

        return await self._apart(read) if keys else []

    async def _apart(self, search: Callable[[Wire], Awaitable[T]]) -> T:
        until = asyncio.get_running_loop().time() + SEARCH_WITHIN
        try:
            found = await _asked(self._searches, search, until)
        except TimeoutError:
            raise SourceError(f"not looked through within {SEARCH_WITHIN:g}s") from None
        await self._searches.close()  # until the next one in a minute
        return found

    async def close(self) -> None:
        await asyncio.gather(self._scrapes.close(), self._searches.close())


async def _asked(kept: Kept[Wire], question: Callable[[Wire], Awaitable[T]], until: float) -> T:
    try:
        return await kept.ask(question, until)
    except NoAnswerError as error:
        if error.late:
            raise TimeoutError from None
        raise SourceError(str(error)) from None


def _database(url: str) -> str:
    """Its number: in the path, or of a socket's address `?db=`."""
    parts = urlsplit(url)
    named = options_of(url).get("db", "")
    return named or ("" if parts.scheme == "unix" else parts.path.strip("/")) or "0"


def _pair(reply: Reply) -> tuple[bytes, list[bytes]]:
    """Of SCAN: where to go on, and keys."""
    if isinstance(reply, RefusedError):
        raise reply
    if isinstance(reply, list) and len(reply) == 2 and isinstance(reply[0], bytes):
        return reply[0], texts(reply[1])
    return b"0", []


def literal(text: str) -> str:
    """The text as a pattern that matches nothing else."""
    return "".join(f"\\{sign}" if sign in r"\*?[]^-" else sign for sign in text)


def count(reply: Reply) -> int:
    """What a command that counts has said; 0 for a key that is something else."""
    return reply if isinstance(reply, int) else 0


def texts(reply: Reply) -> list[bytes]:
    """A list of texts; empty for a key that is something else."""
    return [one for one in reply if isinstance(one, bytes)] if isinstance(reply, list) else []


def scored(reply: Reply) -> list[tuple[bytes, float]]:
    """Members of a sorted set, as they were asked for with their scores."""
    flat = texts(reply)
    return [
        (member, score)
        for member, text in zip(flat[::2], flat[1::2], strict=False)
        if (score := number(text)) is not None
    ]


def number(reply: object) -> float | None:
    """A finite number that was stored as text."""
    try:
        found = float(reply) if isinstance(reply, bytes | str) else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def parsed(text: object) -> Any:
    """What was stored as JSON; None for anything else."""
    try:
        return json.loads(text) if isinstance(text, bytes | str) else None
    except (ValueError, RecursionError):
        return None
