"""Pictures of the deciding metric for messages: one at a time, each drawn once for all channels, and never waited for long.

A picture is a kindness and a message is a duty: whatever goes wrong here, the message goes without it. After a failure
nothing is drawn for a while, so that a Prometheus that hangs holds up one message and not each.
"""

from __future__ import annotations

import asyncio

from prunella.logs import create_logger
from receiver.channels.base import Notice
from receiver.decide.facts import Story
from receiver.decide.illustration import ILLUSTRATED, deciding_metric, document, times_of
from receiver.tools import OutsideError, Tools

BUDGET = 10.0  # seconds, with the wait for others' pictures
REST = 60.0  # after a failure
KEPT = 32
MOST_BYTES = 60_000
PNG = b"\x89PNG\r\n\x1a\n"
Key = tuple[int, str, float]

log = create_logger("prunella.receiver.picture")


class Illustrations:
    """Of one process; what is kept is for the other channels and for a letter that is sent again."""

    def __init__(self, budget: float = BUDGET) -> None:
        self._budget = budget
        self._kept: dict[Key, bytes | None] = {}
        self._turn = asyncio.Lock()
        self._rests_until = 0.0

    async def of(self, notice: Notice, story: Story, tools: Tools) -> bytes | None:
        """The picture that belongs to the notice, if there is one in time."""
        key = (notice.incident, notice.event, notice.at)
        if notice.event not in ILLUSTRATED or tools.pictures is None:
            return None
        if key in self._kept:
            return self._kept[key]
        if tools.clock.monotonic() < self._rests_until:
            return None
        try:
            async with asyncio.timeout(self._budget), self._turn:
                if key not in self._kept:
                    self._keep(key, await _drawn(notice, story, tools))
                return self._kept[key]
        except (OutsideError, TimeoutError) as error:
            reason = str(error) or "it took too long"
            log.debug("a message goes without its picture", incident=notice.incident, error=reason)
            self._rests_until = tools.clock.monotonic() + REST
            self._keep(key, None)
            return None

    def _keep(self, key: Key, picture: bytes | None) -> None:
        self._kept[key] = picture
        while len(self._kept) > KEPT:
            del self._kept[next(iter(self._kept))]


async def _drawn(notice: Notice, story: Story, tools: Tools) -> bytes | None:
    """None where there is nothing to be shown. Raises OutsideError."""
    metric = deciding_metric(story.book)
    if metric is None or tools.prometheus is None or tools.pictures is None:
        return None
    found = await tools.prometheus.series(metric.query, *times_of(story))
    shown = document(story, notice.event, metric, found)
    if shown is None:
        return None
    picture = await tools.pictures.draw(shown)
    if not picture.startswith(PNG) or len(picture) > MOST_BYTES:
        raise OutsideError("what was drawn is no small PNG", sent=False)
    return picture
