"""The sender over every engine: whatever a channel answers, nothing is lost, overtaken or told under another key."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import PrivateAttr

from receiver.channels.base import Channel, ChannelError, Notice
from receiver.journal import Journal
from receiver.journal.sqlite import open_journal
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.sender import Sender
from receiver.tools import Tools
from tests.receiver.builders import NOW, a_letter
from tests.receiver.rig import HandClock, ToldHttp, ToldPrograms, ToldSurvivors

ANSWERS = ("ok", "busy", "slow", "lost", "never")
EVENTS = ("opened", "acted", "healed", "resolved")


@dataclass
class Book:
    """What a channel answers, in order and then always `ok`, and what it has shown to people."""

    answers: list[str] = field(default_factory=list)
    shown: list[tuple[int, str, str]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    hours: float = 0.0  # that it took


class Whimsical(Channel):
    """Takes, refuses, asks for time, or takes and loses its answer, as told."""

    _book: Book = PrivateAttr(default_factory=Book)

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        book = self._book
        answer = book.answers.pop(0) if book.answers else "ok"
        match answer:
            case "busy":
                raise ChannelError("answered with 503")
            case "slow":
                raise ChannelError("answered with 429", retry_after=7.0)
            case "never":
                book.refused.add(notice.dedup_key)
                raise ChannelError("answered with 400", permanent=True)
            case _:
                pass
        book.shown.append((notice.incident, notice.event, notice.dedup_key))
        if answer == "lost":
            raise ChannelError("no answer within 10 s", unknown=True)
        return f"thread of {notice.incident}"


def letter(incident: int, event: str) -> Any:
    made = a_letter(event, incident=incident)
    body = {"event": event, "incident": incident, "episode": "", "step": "", "severity": "critical"}
    return type(made)(
        "ops",
        event,
        {**body, "title": "t", "text": "x", "at": NOW, "dedup_key": made.dedup},
        made.dedup,
    )


async def story(
    journal: Journal, answers: Sequence[str], incidents: int, restart_every: int = 1000
) -> Book:
    """Four letters for each incident, sent over a simulated hour and a half by senders that are begun anew."""
    clock, channel = HandClock(NOW), Whimsical()
    channel._book.answers = list(answers)
    config = ReceiverSettings().model_copy(update={"channels": {"ops": channel}})
    tools = Tools(clock, ToldHttp(), ToldPrograms())
    context = Context(journal, tools, lambda: config, ToldSurvivors())
    for event in EVENTS:
        await journal.record([], [letter(one, event) for one in range(1, incidents + 1)], NOW)
    sender, rounds = Sender(context, "ops"), 0
    while await journal.backlog():
        rounds += 1
        assert rounds < 3000, "it does not come to an end"
        if rounds % restart_every == 0:
            sender = Sender(context, "ops")
        if not await sender.deliver_due():
            clock.at += 10.0
    book = channel._book
    book.hours = (clock.at - NOW) / 3600
    return book


def in_order(book: Book, incidents: int) -> None:
    """Every letter was shown in the order in which it was written, but for repeats of the very same."""
    shown: dict[int, list[str]] = defaultdict(list)
    for incident, event, dedup in book.shown:
        assert dedup == f"{incident}-{event}"
        if not shown[incident] or shown[incident][-1] != event:
            shown[incident].append(event)
    for incident in range(1, incidents + 1):
        expected = [event for event in EVENTS if f"{incident}-{event}" not in book.refused]
        missed = [event for event in shown[incident] if event not in expected]
        assert [one for one in shown[incident] if one in expected] == expected
        # what was refused for good may have been shown before, when its answer was lost
        assert set(missed) <= set(EVENTS)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(ANSWERS), max_size=60), st.integers(1, 4), st.integers(1, 20))
def test_i8_whatever_is_answered_letters_keep_their_order_and_their_key(
    answers: list[str], incidents: int, restart_every: int
) -> None:
    async def whole() -> Book:
        journal = await open_journal(None, NOW)
        try:
            return await story(journal, answers, incidents, restart_every)
        finally:
            await journal.close()

    in_order(asyncio.run(whole()), incidents)


@pytest.mark.parametrize(
    "answers",
    [["busy"] * 300, ["slow"] * 200, ["lost", "busy", "never", "slow"] * 10],
    ids=["down", "429", "everything"],
)
async def test_i8_on_every_engine_everything_comes_later_in_order(
    journal: Journal, answers: list[str]
) -> None:
    book = await story(journal, answers, 5)
    in_order(book, 5)
    assert set(answers) != {"busy"} or 0.5 < book.hours < 1.5
