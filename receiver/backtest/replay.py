"""Drives the receiver's own pipeline through a history: the clock jumps from what happens next to what falls due next."""

from __future__ import annotations

import heapq
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from receiver.actions.base import Action, Done, Effect
from receiver.backtest.history import Heard, over
from receiver.backtest.inline import journal_in_memory
from receiver.backtest.world import SimulatedClock, Unreachable, tools
from receiver.journal import NEVER, Journal
from receiver.pipeline import Pipeline
from receiver.settings import ReceiverSettings
from receiver.stages.context import Context
from receiver.stages.intake import intake
from receiver.stages.upkeep import thaw
from receiver.tools import Tools

SOURCE = "backtest"
OF_LABELS = "lbl:"  # a fingerprint that intake made itself, and makes again
CONFIRM = 240.0  # Alertmanager goes on holding what fires: the receiver hears so every 30 s
AT_REST = 10_000  # turns at one moment; more is a pipeline that goes round in circles
Said = Callable[[float], None]  # how much of the time is over, 0 to 1


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, in unix seconds."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Wish:
    """How a history is replayed: with `helps` whatever is done ends its alerts at once, else they go on as they did."""

    helps: bool = False
    progress: Said = field(default=lambda _: None)


async def replay(
    settings: ReceiverSettings, history: Sequence[Heard], span: Span, wish: Wish | None = None
) -> list[dict[str, Any]]:
    """The rows of the journal that the receiver would have written."""
    async with _stage(settings, history, span, wish or Wish()) as play:
        await play.on()
        return [json.loads(line) async for line in play.journal.export()]


@asynccontextmanager
async def _stage(
    settings: ReceiverSettings, history: Sequence[Heard], span: Span, wish: Wish
) -> AsyncIterator[_Play]:
    journal = journal_in_memory()
    try:
        yield _Play(settings, journal, history, span, wish)
    finally:
        await journal.close()


class _Play:
    """One run through one history."""

    def __init__(
        self,
        settings: ReceiverSettings,
        journal: Journal,
        history: Sequence[Heard],
        span: Span,
        wish: Wish,
    ) -> None:
        self.journal = journal
        self._clock = SimulatedClock(span.start)
        self._context = Context(
            journal, tools(self._clock), lambda: settings, Unreachable(), perform=self._write_down
        )
        self._pipeline = Pipeline(self._context, SOURCE)
        # heaps keep what is given in order, and an end that an action brought about comes among them
        self._places = count()
        self._coming = [(one.at, next(self._places), one) for one in history]
        heapq.heapify(self._coming)
        self._span, self._wish = span, wish
        self._confirmed = span.start

    async def on(self) -> None:
        """Until nothing comes and nothing is due before the end."""
        while (at := await self._next()) <= self._span.end:
            self._clock.at = max(self._clock.at, at)
            await self._hold()
            await self._hear()
            await self._settle()
            ran = self._clock.at - self._span.start
            self._wish.progress(ran / (self._span.end - self._span.start))
        self._wish.progress(1.0)

    async def _next(self) -> float:
        due = await self.journal.next_due()
        coming = self._coming[0][0] if self._coming else NEVER
        return min(coming, NEVER if due is None else due)

    async def _hold(self) -> None:
        """Before anything is decided: what fires is still held by Alertmanager, and frozen scopes thaw in time."""
        if self._clock.at - self._confirmed < CONFIRM:
            return
        self._confirmed = self._clock.at
        held = {one.alert: one.muted for one in await self.journal.open_alerts()}
        await self.journal.confirm(held, self._clock.at)
        await thaw(self._context)

    async def _hear(self) -> None:
        alerts = []
        while self._coming and self._coming[0][0] <= self._clock.at:
            alerts.append(heapq.heappop(self._coming)[2].alert)
        if alerts:
            body = json.dumps({"version": "4", "alerts": alerts}).encode()
            await intake(body, SOURCE, self._context)

    async def _settle(self) -> None:
        for _ in range(AT_REST):
            if not await self._pipeline.work_off():
                return
        raise RuntimeError("the pipeline does not come to rest")

    async def _write_down(self, action: Action, effect: Effect, reach: Tools) -> Done:
        """Does nothing."""
        if self._wish.helps:
            now = self._clock.at
            for cause in effect.causes:
                alert = over(cause.labels, cause.starts_at, max(now, cause.starts_at))
                if not cause.fingerprint.startswith(OF_LABELS):
                    alert = {**alert, "fingerprint": cause.fingerprint}
                heapq.heappush(self._coming, (now, next(self._places), Heard(now, alert)))
        return Done("only written down")
