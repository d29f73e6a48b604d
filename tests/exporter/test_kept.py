from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from exporter.kept import PATIENCE, Kept, NoAnswerError


class Line:
    """A connection that answers when it is let."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.free.set()
        self.broken = False

    async def say(self, text: str) -> str:
        if self.broken:
            raise ConnectionResetError
        await self.free.wait()
        return text


class Lines:
    failures = (OSError,)

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.ended: list[str] = []
        self.prepare: Callable[[Line], Any] = lambda _: None

    async def open(self) -> Line:
        line = Line()
        self.prepare(line)
        self.made.append(line)
        return line

    def usable(self, connection: Line, error: Exception | None) -> bool:
        return not connection.broken

    async def bye(self, connection: Line) -> None:
        self.ended.append("bye")

    def cut(self, connection: Line) -> None:
        self.ended.append("cut")


def soon(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def test_one_connection_serves_all_questions() -> None:
    lines = Lines()
    kept = Kept(lines)
    assert await kept.ask(lambda line: line.say("a"), soon()) == "a"
    assert await kept.ask(lambda line: line.say("b"), soon()) == "b"
    assert len(lines.made) == 1


async def test_a_question_nobody_waits_for_is_not_put_twice_and_answers_no_other() -> None:
    lines = Lines()
    lines.prepare = lambda line: line.free.clear()
    kept = Kept(lines)
    for _ in range(3):
        with pytest.raises(NoAnswerError, match="in time") as raised:
            await kept.ask(lambda line: line.say("old"), soon(0.01))
        assert raised.value.late
    lines.made[0].free.set()
    assert await kept.ask(lambda line: line.say("new"), soon()) == "new"
    assert len(lines.made) == 1


async def test_a_connection_that_broke_is_made_anew_once() -> None:
    lines = Lines()
    kept = Kept(lines)
    await kept.ask(lambda line: line.say("a"), soon())
    lines.made[0].broken = True
    assert await kept.ask(lambda line: line.say("b"), soon()) == "b"
    lines.made[1].broken, lines.prepare = True, lambda line: setattr(line, "broken", True)
    with pytest.raises(NoAnswerError, match="ConnectionResetError"):
        await kept.ask(lambda line: line.say("c"), soon())
    assert len(lines.made) == 3


async def test_silence_for_too_long_ends_the_connection() -> None:
    lines = Lines()
    kept = Kept(lines)
    lines.prepare = lambda line: line.free.clear()
    with pytest.raises(NoAnswerError):
        await kept.ask(lambda line: line.say("a"), soon(0.01))
    lines.prepare = lambda _: None
    kept._since -= PATIENCE + 1
    assert await kept.ask(lambda line: line.say("b"), soon()) == "b"
    assert lines.ended == ["cut"]


async def test_a_farewell_is_said_only_when_nothing_is_under_way() -> None:
    lines = Lines()
    kept = Kept(lines)
    await kept.ask(lambda line: line.say("a"), soon())
    await kept.close()
    assert lines.ended == ["bye", "cut"]
    await kept.close()
    assert lines.ended == ["bye", "cut"]
