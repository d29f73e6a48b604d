"""One connection to a server, kept from scrape to scrape.

A server that hangs keeps its sockets open and answers nothing. Whoever gave up and connected anew at each scrape would
pile up connections that all come alive when it does; here a question that is under way is waited for by the next scrape.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

C = TypeVar("C")
T = TypeVar("T")

# After this long without a word the network has lost the connection, or the server is not coming back.
PATIENCE = 30.0


class NoAnswerError(Exception):
    """The server gave none; the text says why and holds no secret."""

    def __init__(self, text: str, *, late: bool = False) -> None:
        super().__init__(text)
        self.late = late


class Dialect(Protocol[C]):
    """How connections of one kind are made, told dead from alive, and ended."""

    @property
    def failures(self) -> tuple[type[Exception], ...]:
        """What connecting and asking may raise."""
        ...

    async def open(self) -> C: ...

    def usable(self, connection: C, error: Exception | None) -> bool:
        """Whether it can be asked (again), after this error if there was one."""
        ...

    async def bye(self, connection: C) -> None:
        """Tells the server that we go; called only while no question is under way."""
        ...

    def cut(self, connection: C) -> None:
        """Ends it without a word."""
        ...


class Kept(Generic[C]):
    def __init__(self, dialect: Dialect[C]) -> None:
        self._dialect = dialect
        self._connection: C | None = None
        self._under_way: asyncio.Task[object] | None = None
        self._since = 0.0

    async def ask(self, question: Callable[[C], Awaitable[T]], until: float) -> T:
        """The answer to a question put now, by `until` on the event loop's clock. Raises NoAnswerError."""
        try:
            async with asyncio.timeout_at(until):
                await self._former()
                asked = asyncio.ensure_future(self._answer(question))
                asked.add_done_callback(_heard)
                self._under_way, self._since = asked, asyncio.get_running_loop().time()
                return await asyncio.shield(asked)
        except TimeoutError:
            raise NoAnswerError("no answer in time", late=True) from None
        except self._dialect.failures as error:
            raise NoAnswerError(str(error).partition("\n")[0] or type(error).__name__) from None

    async def _former(self) -> None:
        """Waits for the question of a scrape that gave up: its answer is not ours, and one is asked at a time."""
        if self._under_way is None or self._under_way.done():
            return
        if asyncio.get_running_loop().time() - self._since > PATIENCE:
            await self.close()
        else:
            await asyncio.wait({self._under_way})

    async def _answer(self, question: Callable[[C], Awaitable[T]]) -> T:
        connection = self._connection
        if connection is not None and self._dialect.usable(connection, None):
            try:
                return await question(connection)
            except self._dialect.failures as error:
                if self._dialect.usable(connection, error):
                    raise
                self._dialect.cut(connection)
            # The server was restarted, or closed what was idle: that is no outage.
        self._connection = None
        self._connection = connection = await self._dialect.open()
        return await question(connection)

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        asked, self._under_way = self._under_way, None
        if connection is not None and (asked is None or asked.done()):
            await self._dialect.bye(connection)
        if connection is not None:
            self._dialect.cut(connection)
        if asked is not None:
            asked.cancel()
            await asyncio.wait({asked})


def _heard(asked: asyncio.Future[T]) -> None:
    """An error that nobody waits for any more is none."""
    if not asked.cancelled():
        asked.exception()
