"""A collector asked once, as a scrape asks it."""

from __future__ import annotations

import asyncio

from exporter.collectors.base import Collected, Collector


async def collect(collector: Collector, seconds: float = 5.0) -> Collected:
    """All that it says within so many seconds."""
    return await collector.collect(asyncio.get_running_loop().time() + seconds)
