"""The exporter's containers against the engine that docker/compose-test has started: the tales that the stand-in is told."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.compose.engine import RealEngine, docker
from tests.exporter.collectors.container_tales import SLEEP, Containers, ContainerTales, seen
from tests.exporter.reading import value

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class TestContainersOfARealEngine(ContainerTales):
    @pytest.fixture
    def engine(self) -> Iterator[Containers]:
        started = RealEngine()
        try:
            yield started
        finally:
            started.end()

    async def test_its_processes_are_read_where_they_can_be_seen(self, engine: Containers) -> None:
        """The engine is this machine's: the container's descriptors are in our own /proc."""
        await engine.run("api", SLEEP)
        found = await seen(engine)
        assert (value(found, "prunella_process_open_fds") or 0) > 0
        assert value(found, "namedprocess_namegroup_num_procs", groupname="api") == 1

    async def test_a_paused_container_is_not_up(self, engine: Containers) -> None:
        await engine.run("api", SLEEP)
        await asyncio.to_thread(docker, "pause", "api")
        try:
            assert value(await seen(engine), "prunella_process_up") == 0
        finally:
            await asyncio.to_thread(docker, "unpause", "api")
