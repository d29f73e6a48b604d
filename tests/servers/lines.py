"""A child process that is asked by JSON lines on its stdin and answers with JSON lines on its stdout, in any order."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

PATIENCE = 20.0


class ToldError(Exception):
    """What the other side threw, or that it has ended."""


class Lines:
    """It says `{"id": 0}` when it is ready; lines without an id are news."""

    def __init__(
        self, process: asyncio.subprocess.Process, news: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._process, self._news = process, news
        self._numbers = itertools.count(1)
        self._ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting: dict[int, asyncio.Future[Any]] = {0: self._ready}
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._ready

    async def ask(self, **command: object) -> Any:
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number, **command}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            said = json.loads(line)
            if "id" in said:
                _settle(self._waiting.pop(said["id"]), said)
            else:
                self._news(said)
        for answer in self._waiting.values():
            _settle(answer, {"error": "the process has ended"})


def _settle(answer: asyncio.Future[Any], said: Mapping[str, Any]) -> None:
    if answer.done():
        return
    if "error" in said:
        answer.set_exception(ToldError(said["error"]))
    else:
        answer.set_result(said["result"])


@asynccontextmanager
async def lines(
    argv: Sequence[str],
    env: Mapping[str, str],
    news: Callable[[Mapping[str, Any]], None] = lambda _: None,
) -> AsyncIterator[Lines]:
    """Killed with the block; when we are, the end of its stdin tells it to go."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=PIPE, stdout=PIPE, limit=1 << 22, env={"PATH": os.environ["PATH"], **env}
    )
    asked = Lines(process, news)
    try:
        await asked.ready()
        yield asked
    finally:
        await asked.kill()
