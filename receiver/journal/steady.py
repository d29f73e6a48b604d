"""Wall time that never jumps, for the one receiver that lives by its own machine's clock.

Everything durable is a time: timers, leases, limits, cooldowns. A clock that is set an hour ahead would end them all at
once, and one that is set back would hold them for an hour. So time goes on as the monotonic clock does, and the wall
clock is followed so slowly that nothing which waits notices.
"""

from __future__ import annotations

from prunella.service.clock import Clock

SLEW = 0.05  # seconds that it may be pulled within one, so that it always goes forward


class SteadyClock:
    """A Clock whose `now` begins as its machine's and is only pulled towards that from then on."""

    def __init__(self, own: Clock) -> None:
        self._own = own
        self._seen = own.monotonic()
        self._ahead = own.now() - self._seen

    def now(self) -> float:
        """Unix seconds."""
        ran = self._own.monotonic()
        wrong = self._own.now() - (ran + self._ahead)
        most = SLEW * (ran - self._seen)
        self._ahead += max(-most, min(most, wrong))
        self._seen = ran
        return ran + self._ahead

    def monotonic(self) -> float:
        return self._own.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._own.sleep(seconds)
