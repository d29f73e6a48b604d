from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest

from exporter.collectors.base import Kind, World
from exporter.running import Running
from exporter.settings import Config, Labels
from tests.exporter.made_collectors import Made, thing_up
from tests.exporter.reading import value


class Workshop:
    """Kinds whose collectors a test can look at, by key, in the order in which they were built."""

    def __init__(self, *broken: str) -> None:
        self.built: dict[str, list[Made]] = {"host": [], "redis": []}
        self.worlds: list[World] = []
        self._broken = broken

    def kinds(self) -> Mapping[str, Kind[Any]]:
        return {key: Kind(Any, partial(self._made, key)) for key in self.built}

    def _made(self, key: str, _: object, world: World) -> Made:
        if key in self._broken:
            raise RuntimeError(f"{key} cannot be built")
        self.worlds.append(world)
        self.built[key].append(Made(thing_up(1, key=key)))
        return self.built[key][-1]


def config(service: str = "", **options: object) -> Config:
    class Made(Config):
        def options(self) -> dict[str, Any]:
            return dict(options)

    return Made(labels=Labels(service=service))


@asynccontextmanager
async def running(workshop: Workshop) -> AsyncIterator[Running]:
    parts = Running(kinds=workshop.kinds())
    try:
        yield parts
    finally:
        await parts.stop()


async def test_what_is_switched_on_is_built_begun_and_ended() -> None:
    workshop = Workshop()
    async with running(workshop) as parts:
        await parts.apply(config(host="a"))
        assert list(parts.scraper.names) == ["host"]
    assert workshop.built["host"][0].history == ["start", "stop"]
    assert workshop.built["redis"] == []


async def test_a_collector_whose_options_are_the_same_is_kept() -> None:
    workshop = Workshop()
    async with running(workshop) as parts:
        await parts.apply(config(host="a", redis="b"))
        await parts.apply(config(host="a", redis="c"))
        assert [made.history for made in workshop.built["host"]] == [["start"]]
        assert [made.history for made in workshop.built["redis"]] == [["start", "stop"], ["start"]]


async def test_a_collector_that_is_switched_off_ends() -> None:
    workshop = Workshop()
    async with running(workshop) as parts:
        await parts.apply(config(host="a", redis="b"))
        await parts.apply(config(redis="b"))
        assert list(parts.scraper.names) == ["redis"]
    assert workshop.built["host"][0].history == ["start", "stop"]


async def test_another_default_service_reaches_every_collector() -> None:
    workshop = Workshop()
    async with running(workshop) as parts:
        await parts.apply(config(host="a"))
        await parts.apply(config(service="shop", host="a"))
        assert [world.service for world in workshop.worlds] == ["", "shop"]
        found = await parts.scraper.scrape(["host"], 1.0)
    assert value(found, "thing_up", service="shop") == 1


async def test_a_scrape_under_way_survives_a_reload() -> None:
    workshop = Workshop()
    async with running(workshop) as parts:
        await parts.apply(config(host="a"))
        made = workshop.built["host"][0]
        made.hang()
        under_way = asyncio.create_task(parts.scraper.scrape(["host"], 5.0))
        await made.begun.wait()
        await parts.apply(config(host="b"))
        found = await under_way
    assert value(found, "prunella_scrape_collector_success", collector="host") == 0


async def test_a_collector_that_cannot_be_built_changes_nothing() -> None:
    workshop = Workshop("redis")
    async with running(workshop) as parts:
        await parts.apply(config(host="a"))
        with pytest.raises(RuntimeError):
            await parts.apply(config(host="b", redis="c"))
        assert value(await parts.scraper.scrape(["host"], 1.0), "thing_up", key="host") == 1
        assert [made.history for made in workshop.built["host"]] == [["start"], ["start", "stop"]]


class Keeper(Made):
    """Remembers whom it followed."""

    followed: object = None

    def inherit(self, before: object) -> None:
        self.followed = before


async def test_a_collector_that_is_built_anew_goes_on_with_what_the_one_before_it_knew() -> None:
    built: list[Keeper] = []

    def made(_: object, __: World) -> Keeper:
        built.append(Keeper(thing_up(1)))
        return built[-1]

    parts = Running(kinds={"host": Kind(Any, made)})
    try:
        await parts.apply(config(host="a"))
        await parts.apply(config(host="a"))
        await parts.apply(config(host="b"))
    finally:
        await parts.stop()
    assert [one.followed for one in built] == [None, built[0]]


async def test_nothing_is_inherited_when_a_reload_fails() -> None:
    built: list[Keeper] = []

    def made(_: object, __: World) -> Keeper:
        built.append(Keeper(thing_up(1)))
        return built[-1]

    broken = Workshop("redis").kinds()["redis"]
    parts = Running(kinds={"host": Kind(Any, made), "redis": broken})
    try:
        await parts.apply(config(host="a"))
        with pytest.raises(RuntimeError, match="cannot be built"):
            await parts.apply(config(host="b", redis="c"))
    finally:
        await parts.stop()
    assert [one.followed for one in built] == [None, None]
