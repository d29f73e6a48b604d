from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from receiver.cli.api import ApiError
from receiver.cli.watch import watched

Printed = pytest.CaptureFixture[str]


@dataclass
class Answering:
    """Gives these answers one after the other, and then is interrupted, as by Ctrl-C."""

    answers: list[Any] = field(default_factory=list)

    async def ask(self) -> Any:
        if not self.answers:
            raise asyncio.CancelledError
        answer = self.answers.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return answer


async def seen(answers: Iterable[Any], *, as_json: bool) -> None:
    options = Namespace(watch=True, json=as_json)
    with pytest.raises(asyncio.CancelledError):
        await watched(options, Answering([*answers]).ask, lambda said: f"n is {said['n']}", 0.001)


async def test_only_what_has_changed_is_shown_again(capsys: Printed) -> None:
    await seen([{"n": 1}, {"n": 1}, {"n": 2}], as_json=False)
    assert capsys.readouterr().out == "n is 1\nn is 2\n"


async def test_a_script_gets_a_line_for_each_change(capsys: Printed) -> None:
    await seen([{"n": 1}, {"n": 2}], as_json=True)
    assert [*map(json.loads, capsys.readouterr().out.splitlines())] == [{"n": 1}, {"n": 2}]


async def test_a_receiver_that_is_restarted_is_waited_for(capsys: Printed) -> None:
    await seen([{"n": 1}, ApiError("no answer"), {"n": 2}], as_json=False)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("n is 1\nn is 2\n", "prunella: no answer\n")


async def test_a_first_answer_that_cannot_be_had_ends_it() -> None:
    options = Namespace(watch=True, json=False)
    with pytest.raises(ApiError):
        await watched(options, Answering([ApiError("no answer")]).ask, str)


async def test_without_the_option_it_is_shown_once(capsys: Printed) -> None:
    await watched(Namespace(watch=False, json=False), Answering([{"n": 1}]).ask, str)
    assert capsys.readouterr().out == "{'n': 1}\n"
