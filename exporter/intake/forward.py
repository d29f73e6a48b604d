"""Passes envelopes on to Sentry, later and in the background: a Sentry that is slow or away must not slow the apps.

What waits is bounded in bytes; what does not fit is dropped and counted. Sentry's own clients would do the same.
"""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from exporter.intake.settings import Dsn
from prunella.logs import create_logger
from prunella.service.clock import Clock

if TYPE_CHECKING:
    from exporter.intake.sentry import Sentry

MOST = 8 * 1024 * 1024  # bytes that wait
TRIES = 3
_LONGEST_PAUSE = 300.0
_log = create_logger(__name__)


class Letter(NamedTuple):
    """One envelope on its way."""

    service: str
    to: Dsn
    body: bytes


class Forwarder:
    """`run` sends until it is cancelled."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: deque[Letter] = deque()
        self._bytes = 0
        self._news = asyncio.Event()
        self.results: Counter[tuple[str, str]] = Counter()

    @property
    def waiting(self) -> int:
        """Envelopes."""
        return len(self._waiting)

    def take(self, letter: Letter) -> None:
        """Sent later, or dropped when too much waits already."""
        if self._bytes + len(letter.body) > MOST:
            self.results[letter.service, "dropped"] += 1
            return
        self._bytes += len(letter.body)
        self._waiting.append(letter)
        self._news.set()

    async def run(self) -> None:
        """One after the other: what Sentry takes is more than what one app makes."""
        module = importlib.import_module("exporter.intake.sentry")
        async with module.opened() as sentry:
            while True:
                while self._waiting:
                    letter = self._waiting[0]
                    result = await self._sent(sentry, letter)
                    self._waiting.popleft()
                    self._bytes -= len(letter.body)
                    self.results[letter.service, result] += 1
                self._news.clear()
                await self._news.wait()

    async def _sent(self, sentry: Sentry, letter: Letter) -> str:
        for tried in range(TRIES):
            result, pause = await _try(sentry, letter)
            if result != "retry":
                return result
            if tried + 1 < TRIES:
                await self._clock.sleep(min(pause or 2.0**tried, _LONGEST_PAUSE))
        return "dropped"


async def _try(sentry: Sentry, letter: Letter) -> tuple[str, float]:
    try:
        status, later = await sentry.post(letter.to, letter.body)
    except ConnectionError as error:
        _log.warning("Sentry cannot be reached", service=letter.service, error=str(error))
        return "retry", 0.0
    if status == 200:
        return "sent", 0.0
    if status == 429 or status >= 500:
        return "retry", _seconds(later)
    _log.warning("Sentry refuses events", service=letter.service, status=status)
    return "refused", 0.0


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0.0
