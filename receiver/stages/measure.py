"""Asks Prometheus for the figures of a launch watch: as they are now, or as they were over a stretch of the past."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from receiver.decide.launch import LaunchWatch
from receiver.decide.regression import Measured, Seen
from receiver.decide.signals import averaged, queries, traffic_query
from receiver.stages.context import Context
from receiver.tools import OutsideError

NOBODY = "no Prometheus is configured"


async def measure(context: Context, watch: LaunchWatch, service: str) -> Seen:
    """Now, by the clock of Prometheus."""
    return await _measure(context, watch, service, lambda query: query)


async def measure_stretch(
    context: Context, watch: LaunchWatch, service: str, begin: float, end: float
) -> Seen:
    """The means over a stretch of the past."""
    return await _measure(context, watch, service, lambda query: averaged(query, begin, end))


async def _measure(
    context: Context, watch: LaunchWatch, service: str, spelled: Callable[[str], str]
) -> Seen:
    asked = queries(watch, service)
    all_ = [traffic_query(watch, service), *asked.values()]
    traffic, *found = await asyncio.gather(*(_ask(context, spelled(query)) for query in all_))
    return Seen(traffic, dict(zip(asked, found, strict=True)))


async def _ask(context: Context, query: str) -> Measured:
    prometheus = context.tools.prometheus
    if prometheus is None:
        return Measured(problem=NOBODY)
    try:
        return Measured.of(await prometheus.query(query))
    except OutsideError as error:
        return Measured(problem=str(error)[:200] or "Prometheus did not answer")
