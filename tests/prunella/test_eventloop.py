from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from prunella.eventloop import watch_event_loop
from prunella.metrics import REGISTRY
from tests.prunella.service.front_door import until


def lag() -> float:
    return REGISTRY.get_sample_value("event_loop_lag_seconds") or 0.0


async def test_a_blocked_loop_shows_and_is_remembered_for_a_while() -> None:
    watching = asyncio.create_task(watch_event_loop(every=0.01))
    await until(lambda: lag() > 0)
    time.sleep(0.2)  # noqa: ASYNC251 - what blocks the loop is the point
    await until(lambda: lag() > 0.1)
    await asyncio.sleep(0.05)
    assert lag() > 0.1
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
