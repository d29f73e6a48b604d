"""One scrape: all collectors at once, each on its own, all within the time that Prometheus gives.

A collector is asked once at a time. Whoever scrapes meanwhile shares that answer; when its time is over it is cancelled,
and the next scrape asks anew. What failed or was late says so in its own metrics; the answer is complete and 200.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

from exporter.ceiling import below
from exporter.collectors.base import Collected, Collector
from exporter.families import UNSHOWABLE, empty, gauge, labelled
from prunella.logs import create_logger

_log = create_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """What one collector gave to one scrape."""

    collector: str
    families: tuple[Metric, ...]
    success: bool
    seconds: float


class Flight:
    """One collector's gate: at most one collection is under way, and everybody waits for that one."""

    def __init__(self, name: str, collector: Collector) -> None:
        self._name, self._collector = name, collector
        self._under_way: asyncio.Task[Part] | None = None
        self._problems: tuple[str, ...] = ()

    async def part(self, deadline: float) -> Part:
        loop = asyncio.get_running_loop()
        began = loop.time()
        if self._under_way is None or self._under_way.done():
            self._under_way = loop.create_task(
                self._collect(deadline), name=f"collect {self._name}"
            )
        # A scrape that gives up earlier than the one that began leaves the collection to it.
        await asyncio.wait({self._under_way}, timeout=max(0.0, deadline - began))
        if self._under_way.done() and not self._under_way.cancelled():
            return self._under_way.result()
        return self._missing(began)

    async def _collect(self, deadline: float) -> Part:
        began = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(deadline):
                collected = await self._collector.collect(deadline)
        except TimeoutError:
            self._report(("not done in time",))
            return self._missing(began)
        except Exception as error:  # noqa: BLE001 - one collector's bug must not cost the others' values
            _log.exception("collector failed", error, collector=self._name)
            return self._missing(began)
        return self._part(collected, began)

    def _part(self, collected: Collected, began: float) -> Part:
        families, gone = below(collected.families)
        left_out = [f"too many series, left out: {', '.join(gone)}"] if gone else []
        problems = (*collected.problems, *left_out)
        self._report(problems)
        seconds = asyncio.get_running_loop().time() - began
        return Part(self._name, tuple(families), not problems, seconds)

    def _missing(self, began: float) -> Part:
        seconds = asyncio.get_running_loop().time() - began
        return Part(self._name, self._down(), success=False, seconds=seconds)

    def _down(self) -> tuple[Metric, ...]:
        try:
            return tuple(self._collector.down())
        except UNSHOWABLE as error:  # what made the collection fail may be met here again
            _log.exception("collector failed", error, collector=self._name)
            return ()

    def _report(self, problems: tuple[str, ...]) -> None:
        """Once when it begins, once when it is over: a scrape comes every few seconds."""
        if problems == self._problems:
            return
        self._problems = problems
        if problems:
            _log.warning("collector incomplete", collector=self._name, problems="; ".join(problems))
        else:
            _log.info("collector complete again", collector=self._name)

    async def begin(self) -> None:
        await self._collector.start()

    async def end(self) -> None:
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait({self._under_way})
        await self._collector.stop()


class Scraper:
    """The collectors that are switched on, and whom their series belong to."""

    def __init__(self, flights: Mapping[str, Flight], service: str = "") -> None:
        self._flights, self._service = flights, service

    @property
    def names(self) -> Collection[str]:
        return self._flights.keys()

    async def scrape(self, names: Iterable[str], seconds: float) -> tuple[Metric, ...]:
        """Every family of the named collectors, in at most `seconds`."""
        deadline = asyncio.get_running_loop().time() + seconds
        parts = await asyncio.gather(*(self._flights[name].part(deadline) for name in names))
        families = [family for part in parts for family in part.families if not empty(family)]
        if self._service:
            families = [labelled(family, {"service": self._service}) for family in families]
        return (*families, *_own(parts))


def _own(parts: Sequence[Part]) -> Iterable[Metric]:
    yield gauge(
        "prunella_scrape_collector_success",
        "Whether the collector could read all that it was asked to.",
        ("collector",),
        [((part.collector,), float(part.success)) for part in parts],
    )
    yield gauge(
        "prunella_scrape_collector_duration_seconds",
        "How long the collector took.",
        ("collector",),
        [((part.collector,), part.seconds) for part in parts],
    )
