"""The collectors in force: built from a configuration, and kept through a reload where nothing of theirs changed.

A prober that is kept goes on counting its failures in a row; built anew it would forget an outage that is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from exporter.collectors import COLLECTORS
from exporter.collectors.base import Collector, Kind, World
from exporter.scrape import Flight, Scraper
from exporter.settings import Config


@dataclass(frozen=True, slots=True)
class Built:
    """A collector that runs, and what it was built from."""

    options: Any
    service: str
    collector: Collector
    flight: Flight


@runtime_checkable
class Heir(Protocol):
    """A collector that goes on with what the one before it knew, where that is about the same things."""

    def inherit(self, before: Collector) -> None: ...


class Running:
    def __init__(
        self, world: World | None = None, kinds: Mapping[str, Kind[Any]] = COLLECTORS
    ) -> None:
        self._world, self._kinds = world or World(), kinds
        self._built: dict[str, Built] = {}
        self.scraper = Scraper({})

    async def apply(self, config: Config) -> None:
        """Puts this configuration in force; a scrape sees the old collectors or the new ones, never a mix."""
        before, after = self._built, await self._begun(config)
        self._built = after
        _hand_down(before, after)
        flights = {key: built.flight for key, built in after.items()}
        self.scraper = Scraper(flights, config.labels.service)
        await _end(built for key, built in before.items() if after.get(key) is not built)

    async def _begun(self, config: Config) -> dict[str, Built]:
        """Every collector of the configuration, running; when one cannot be had, none of the new ones is left."""
        service = config.labels.service
        async with AsyncExitStack() as undo:
            after = {}
            for key, options in config.options().items():
                known = self._built.get(key)
                if known is not None and (known.options, known.service) == (options, service):
                    after[key] = known
                    continue
                collector = self._build(key, options, service)
                flight = Flight(key, collector)
                undo.push_async_callback(flight.end)
                await flight.begin()
                after[key] = Built(options, service, collector, flight)
            undo.pop_all()
        return after

    def _build(self, key: str, options: Any, service: str) -> Collector:
        return self._kinds[key].build(options, replace(self._world, service=service))

    def collector(self, key: str) -> Collector | None:
        """What runs for this key of the config, for those who ask it more than a scrape does."""
        built = self._built.get(key)
        return built.collector if built is not None else None

    async def stop(self) -> None:
        self.scraper = Scraper({})
        await _end(self._built.values())
        self._built = {}


def _hand_down(before: Mapping[str, Built], after: Mapping[str, Built]) -> None:
    for key, built in after.items():
        known = before.get(key)
        if known is not None and known is not built and isinstance(built.collector, Heir):
            built.collector.inherit(known.collector)


async def _end(gone: Iterable[Built]) -> None:
    for built in gone:
        await built.flight.end()
