"""How late the event loop is: the first thing that shows when something blocks it."""

from __future__ import annotations

import asyncio
from collections import deque

from prunella.metrics import Gauge

_LAG = Gauge(
    "event_loop_lag_seconds",
    "The longest delay of the event loop within the last fifteen seconds.",
    multiprocess_mode="livemax",
)
_WINDOW_SECONDS = 15.0


async def watch_event_loop(every: float = 0.5) -> None:
    """Measures for ever. The worst of a window is kept, because a scrape would miss the moment itself."""
    loop = asyncio.get_running_loop()
    seen: deque[float] = deque(maxlen=max(1, round(_WINDOW_SECONDS / every)))
    while True:
        asked = loop.time()
        await asyncio.sleep(every)
        seen.append(max(0.0, loop.time() - asked - every))
        _LAG.set(max(seen))
