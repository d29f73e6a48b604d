"""Stand-ins for the seams of the service core, and small builders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prunella.metrics import REGISTRY


class FakeClock:
    """Sleeping takes no time, but it is remembered and the clock moves on."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)


class Counted:
    """How much a sample of the default registry has grown since this was made."""

    def __init__(self, sample: str, labels: Mapping[str, str] | None = None) -> None:
        self._sample = sample
        self._labels = dict(labels or {})
        self._before = self._now()

    def _now(self) -> float:
        return REGISTRY.get_sample_value(self._sample, self._labels) or 0.0

    @property
    def grown(self) -> float:
        return self._now() - self._before
