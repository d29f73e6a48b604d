"""One connection to a PostgreSQL server, kept from scrape to scrape.

A server that hangs keeps its sockets open and answers nothing. Whoever gave up and connected anew at each scrape would
pile up connections that all come alive when it does; here a question that is under way is waited for by the next scrape.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar
from urllib.parse import urlsplit

import asyncpg
from pydantic import AfterValidator

from prunella.service.settings import Secret

T = TypeVar("T")
Question = Callable[[asyncpg.Connection], Awaitable[T]]

FAILURES = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)

# After this long without a word the network has lost the connection, or the server is not coming back.
PATIENCE = 30.0
# A scrape's statements are short; one that waits for a lock must not wait for ever, and none may write.
SETTINGS: Mapping[str, str] = {
    "application_name": "prunella-exporter",
    "statement_timeout": "5s",
    "lock_timeout": "1s",
    "default_transaction_read_only": "on",
    "jit": "off",
}


def is_postgres_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.port != 0
    except ValueError:
        return False  # its own text would quote the password
    return usable and parts.scheme in {"postgres", "postgresql"}


def _postgres_url(url: Secret) -> Secret:
    if not is_postgres_url(url.get_secret_value()):
        raise ValueError("must be postgresql://user:password@host:port/database")
    return url


PostgresUrl = Annotated[Secret, AfterValidator(_postgres_url)]


class NoAnswerError(Exception):
    """The server gave none; the text says why and holds no secret."""

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class Link:
    def __init__(self, url: str, settings: Mapping[str, str] | None = None) -> None:
        self._url = url
        self._settings = {**SETTINGS, **(settings or {})}
        self._connection: asyncpg.Connection | None = None
        self._under_way: asyncio.Task[object] | None = None
        self._since = 0.0

    async def ask(self, question: Question[T], until: float) -> T:
        """The answer to a question put now, by `until` on the event loop's clock. Raises NoAnswerError."""
        try:
            async with asyncio.timeout_at(until):
                await self._former()
                asked = asyncio.create_task(self._answer(question))
                asked.add_done_callback(_heard)
                self._under_way, self._since = asked, asyncio.get_running_loop().time()
                return await asyncio.shield(asked)
        except TimeoutError:
            raise NoAnswerError("no answer in time", late=True) from None
        except FAILURES as error:
            # Neither names more than user, host and database.
            raise NoAnswerError(str(error).partition("\n")[0] or type(error).__name__) from None

    async def _former(self) -> None:
        """Waits for the question of a scrape that gave up: its answer is not ours, and one is asked at a time."""
        if self._under_way is None or self._under_way.done():
            return
        if asyncio.get_running_loop().time() - self._since > PATIENCE:
            await self.close()
        else:
            await asyncio.wait({self._under_way})

    async def _answer(self, question: Question[T]) -> T:
        connection = self._connection
        if connection is not None and not connection.is_closed():
            try:
                return await question(connection)
            except asyncpg.InternalClientError:
                connection.terminate()  # it was lost in the middle of what asyncpg did
            except FAILURES:
                if not connection.is_closed():
                    raise
            # The server was restarted, or closed what was idle: that is no outage.
        self._connection = connection = await asyncpg.connect(
            self._url, timeout=PATIENCE, server_settings=dict(self._settings)
        )
        return await question(connection)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        asked, self._under_way = self._under_way, None
        if connection is not None and (asked is None or asked.done()):
            with contextlib.suppress(*FAILURES):
                await connection.close(timeout=0.1)
        if connection is not None:
            # Without a word: asyncpg would open another connection to have the statement cancelled.
            connection.terminate()
        if asked is not None:
            asked.cancel()
            await asyncio.wait({asked})


def _heard(asked: asyncio.Task[T]) -> None:
    """An error that nobody waits for any more is none."""
    if not asked.cancelled():
        asked.exception()
