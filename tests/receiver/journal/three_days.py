"""Three days of a release as figures by the hour, and a receiver that lives through them in no time."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any

from receiver.decide.ledger import Deploy, Entry, Note, Word, finished
from receiver.journal import Journal
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.launches import LaunchWatcher
from receiver.stages.sender import Sender
from receiver.tools import Tools
from tests.receiver.builders import NOW
from tests.receiver.decide.launches import WELL
from tests.receiver.figures import TRAFFIC, Figures
from tests.receiver.rig import CONFIG, HandClock, ToldHttp, ToldPrograms, ToldSurvivors

HOUR, STEP, END = 3600.0, 900.0, 72 * 3600.0
SETTINGS = ReceiverSettings.model_validate(CONFIG)
# slow for an hour, failing after a day, and a Prometheus that nobody can ask; each seen by one checkpoint at least
SLOW, FAILING, DARK = (2.0, 3.0), (30.0, 34.0), (39.0, 41.0)
TOLD = [
    *("deployed", "pass", "degraded", "pass", "degraded", "pass", "inconclusive", "pass"),
    "stable",
]


def within(hours: float, stretch: tuple[float, float]) -> bool:
    return stretch[0] <= hours < stretch[1]


@dataclass
class Receiver:
    """One of those who share a journal; dies without a word when it is dropped."""

    journal: Journal
    clock: HandClock
    figures: Figures = field(default_factory=Figures)
    http: ToldHttp = field(default_factory=ToldHttp)

    def __post_init__(self) -> None:
        tools = Tools(self.clock, self.http, ToldPrograms(), self.figures)
        context = Context(self.journal, tools, lambda: SETTINGS, ToldSurvivors())
        self._watcher, self._sender = LaunchWatcher(context), Sender(context, "ops")

    async def looks(self) -> None:
        """At this moment, until there is nothing left to do."""
        hours = (self.clock.at - NOW) / HOUR
        self.figures.becomes(**WELL, traffic=TRAFFIC)
        if within(hours, SLOW):
            self.figures.becomes(p99=3.0)
        if within(hours, FAILING):
            self.figures.becomes(errors=0.2, probe_failures=0.5)
        if within(hours, DARK):
            self.figures.goes_dark()
        else:
            self.figures.comes_back()
        while await self._watcher.once():
            pass

    async def tells(self) -> list[dict[str, Any]]:
        """Sends what is due; the bodies that went out just now."""
        before = len(self.http.asked)
        while await self._sender.deliver_due():
            pass
        return [json.loads(body) for _, _, body in self.http.asked[before:]]


async def deploy(journal: Journal) -> None:
    """A release goes live, and says itself that it does."""
    await journal.enter("shop", finished(Deploy("shop", "v1", "ci", NOW)), NOW)
    await journal.enter("shop", _proven(), NOW)


def _proven() -> Word:
    def entry(releases: Any) -> Entry:
        proven = replace(releases[-1], proven_at=NOW)
        return Entry(proven, (), (Note("release_proven", proven, "test"),))

    return entry


def words(letters: list[dict[str, Any]]) -> list[str]:
    """What is in brackets."""
    return [one["title"].partition("]")[0][1:] for one in letters]
