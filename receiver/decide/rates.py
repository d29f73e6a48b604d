"""`3/1h`: so many in any span of that length, as limits and channels write it."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from prunella.service.units import parse_duration
from receiver.decide.guards import Rate


def parse_rate(value: object) -> object:
    """`3/1h` as a Rate."""
    if isinstance(value, Rate):
        return value
    match = re.fullmatch(r"([0-9]{1,9})/(.+)", str(value).strip())
    if match is None:
        raise ValueError(f"{value!r} is not a rate: write count/duration, as in 3/1h")
    window = parse_duration(match[2])
    if window <= 0:
        raise ValueError("a rate needs a window: write count/duration, as in 3/1h")
    return Rate(int(match[1]), window)


def _some(rate: Rate) -> Rate:
    if rate.count < 1:
        raise ValueError("0 would be nothing for ever: write at least 1/…")
    return rate


RateLimit = Annotated[Rate, BeforeValidator(parse_rate)]
PositiveRate = Annotated[RateLimit, AfterValidator(_some)]


@dataclass(slots=True)
class Spent:
    """What was done lately. It counts in any span, not in fixed ones and not by a bucket that refills: of those two,
    both let through twice as many in a span that lies badly, which is what services punish."""

    moments: deque[float] = field(default_factory=deque)

    def left(self, rate: Rate | None, now: float, most: int) -> int:
        """How many more may be done now, at most so many; a clock that was set back empties nothing."""
        if rate is None:
            return most
        while self.moments and not now - rate.window < self.moments[0] <= now:
            self.moments.popleft()
        return max(0, min(most, rate.count - len(self.moments)))

    def spend(self, now: float) -> None:
        """One was done."""
        self.moments.append(now)
