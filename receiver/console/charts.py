"""Charts of incidents, asked of Prometheus beside the page: a page waits for a moment, and shows what there is by then."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from receiver.console.chart import Chart, chart
from receiver.decide.facts import Story
from receiver.decide.illustration import deciding_metric, document, times_of
from receiver.stages.context import Context
from receiver.tools import OutsideError

PATIENCE = 0.1  # seconds for which a page waits
FRESH = 10.0  # seconds for which it is shown again
KEPT = 64


@dataclass(frozen=True, slots=True)
class Drawn:
    """`picture` is missing where nothing was measured; `why` says so in words, or that it is on its way."""

    picture: Chart | None
    why: str = ""


_NOTHING = Drawn(None, "Nothing was measured.")


@dataclass(slots=True)
class _Asked:
    task: asyncio.Task[Drawn]
    until: float
    before: Chart | None  # what was drawn last


class Charts:
    """Of one receiver."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asked: dict[int, _Asked] = {}

    async def of(self, story: Story) -> Drawn | None:
        """None where no check of the playbook asks Prometheus."""
        if deciding_metric(story.book) is None or self._context.tools.prometheus is None:
            return None
        asked = self._current(story)
        await asyncio.wait({asked.task}, timeout=PATIENCE)
        if not asked.task.done():
            return Drawn(asked.before, "" if asked.before else "Prometheus is being asked.")
        return asked.task.result()

    def _current(self, story: Story) -> _Asked:
        now, number = self._context.tools.clock.monotonic(), story.incident.id
        known = self._asked.get(number)
        if known is not None and (not known.task.done() or now < known.until):
            return known
        before = known.task.result().picture if known is not None else None
        task = asyncio.create_task(self._draw(story))
        self._asked[number] = _Asked(task, now + FRESH, before)
        self._forget()
        return self._asked[number]

    def _forget(self) -> None:
        done = [number for number, one in self._asked.items() if one.task.done()]
        for number in done[: max(0, len(self._asked) - KEPT)]:
            del self._asked[number]

    async def _draw(self, story: Story) -> Drawn:
        metric, prometheus = deciding_metric(story.book), self._context.tools.prometheus
        if metric is None or prometheus is None:
            return _NOTHING
        try:
            found = await prometheus.series(metric.query, *times_of(story))
        except OutsideError:
            return Drawn(None, "Prometheus could not be asked.")
        shown = document(story, "", metric, found)
        return _NOTHING if shown is None else Drawn(chart(shown))
