"""A channel in memory that answers as it is told, and the sending to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import PrivateAttr

from receiver.channels.base import Channel, Notice
from receiver.stages.sender import Sender
from receiver.tools import Tools
from tests.receiver.rig import Rig


@dataclass
class Heard:
    """What reached the channel and when, and what it says to the next ones: a word, an error, or nothing at all."""

    notices: list[Notice] = field(default_factory=list)
    says: list[str | Exception | None] = field(default_factory=list)
    fails: Exception | None = None  # at everything, once `says` is empty
    hangs: bool = False
    clock: Callable[[], float] = field(default=lambda: 0.0)
    times: list[float] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """Of each notice, in order."""
        return [one.event for one in self.notices]

    def answer(self, notice: Notice) -> str | None:
        """The word that is next."""
        said = self.says.pop(0) if self.says else self.fails
        if isinstance(said, Exception):
            raise said
        self.notices.append(notice)
        self.times.append(self.clock())
        return said


class Listening(Channel):
    """A channel in memory."""

    _heard: Heard = PrivateAttr(default_factory=Heard)

    async def send(self, notice: Notice, tools: Tools) -> str | None:
        if self._heard.hangs:
            await asyncio.Event().wait()
        return self._heard.answer(notice)


def listening(made: Rig, name: str = "ops", **keys: Any) -> Heard:
    """Puts such a channel in the config, in place of what is there or beside it."""
    channel = Listening.model_validate(keys)
    channel._heard.clock = made.clock.now
    channels = {**made.settings.channels, name: channel}
    made.settings = made.settings.model_copy(update={"channels": channels})
    return channel._heard


async def send(made: Rig, *names: str) -> None:
    """Sends what is due now."""
    for name in names or ("ops",):
        sender = made.senders.setdefault(name, Sender(made.context, name))
        while await sender.deliver_due():
            pass


async def pass_time(made: Rig, seconds: float, *names: str, step: float = 1.0) -> None:
    """Lets time pass for the senders alone."""
    end = made.clock.at + seconds
    while made.clock.at < end:
        made.clock.at = min(end, made.clock.at + step)
        await send(made, *names)
