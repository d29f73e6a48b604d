"""One connection to a Redis: several commands in one write, their replies in one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from exporter.resp.replies import LARGEST, NotWholeError, ProtocolError, Reply, command, reply


class Wire(asyncio.Protocol):
    """Asked one thing at a time; what comes unasked for ends it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._read = b""
        self._replies: list[Reply] = []
        self._wanted = 0
        self._answer: asyncio.Future[list[Reply]] | None = None
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by class

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._fail(ConnectionResetError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._read = self._read + data if self._read else data
        at = 0
        try:
            while at < len(self._read):
                one, at = reply(self._read, at)
                self._replies.append(one)
        except NotWholeError:
            if len(self._read) > LARGEST:
                self._end(ProtocolError("the server sends more than an answer can be"))
                return
        except ProtocolError as error:
            self._end(error)
            return
        self._read = self._read[at:]
        self._settle()

    def _settle(self) -> None:
        answer = self._answer
        if answer is None or len(self._replies) < self._wanted:
            return
        replies, self._replies, self._answer = self._replies, [], None
        if not answer.done():
            answer.set_result(replies)

    def _end(self, error: Exception) -> None:
        self._fail(error)
        self.cut()

    def _fail(self, error: Exception) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(error)

    async def ask(self, commands: bytes, wanted: int) -> list[Reply]:
        """`wanted` replies, some of which may be a RefusedError. Raises OSError and ProtocolError."""
        if self.lost or self._transport is None:
            raise ConnectionResetError("the server closed the connection")
        self._replies, self._wanted = [], wanted
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(commands)
        return await self._answer

    async def all(self, *commands: Sequence[str]) -> list[Reply]:
        """As `ask`, of commands that were not made ready before."""
        return await self.ask(b"".join(command(*words) for words in commands), len(commands))

    def cut(self) -> None:
        self.lost = True
        if self._transport is not None:
            self._transport.abort()
