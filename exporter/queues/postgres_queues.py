"""Queues in tables of PostgreSQL: one connection for scrapes, and one that is there only while names are looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import TYPE_CHECKING

from exporter.postgres.link import Link, NoAnswerError
from exporter.queues.base import Figures, SourceError

if TYPE_CHECKING:
    import asyncpg

SEARCH_WITHIN = 30.0

Names = Callable[["asyncpg.Connection"], Awaitable[Collection[str]]]
Read = Callable[["asyncpg.Connection", Sequence[str]], Awaitable[Sequence[Figures]]]


class PostgresQueues:
    def __init__(self, url: str, names: Names, figures: Read) -> None:
        self._scrapes, self._searches = Link(url), Link(url)
        self._names, self._figures = names, figures

    async def discover(self) -> Collection[str]:
        until = asyncio.get_running_loop().time() + SEARCH_WITHIN
        try:
            return await self._searches.ask(self._names, until)
        except NoAnswerError as error:
            raise SourceError(str(error)) from None
        finally:
            await self._searches.close()

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        try:
            return await self._scrapes.ask(lambda link: self._figures(link, queues), until)
        except NoAnswerError as error:
            raise SourceError(str(error)) from None

    async def close(self) -> None:
        await asyncio.gather(self._scrapes.close(), self._searches.close())


def quoted(identifier: str) -> str:
    """As SQL takes it, dots between schema and table left as they are."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in identifier.split("."))
