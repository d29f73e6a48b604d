"""What has to be so of containers, whoever is the engine: told against the stand-in here, and against a real one in
tests/compose."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from exporter.collectors.base import Collected, World
from exporter.collectors.process_sources.docker import DockerEntry
from exporter.collectors.processes import Processes
from tests.exporter.reading import value
from tests.servers.process import until

SLEEP = "import time; time.sleep(600)"
BUSY = "import time\nend = time.time() + 600\nwhile time.time() < end: pass"
BROKEN = "raise SystemExit(3)"
MEMORY = 96 << 20


class Addressed(Protocol):
    """Where an engine is, or is not."""

    @property
    def url(self) -> str: ...


class Containers(Addressed, Protocol):
    """An engine, as a test needs it. Options are those of tests.servers.docker_engine.Container."""

    async def run(self, name: str, code: str, **options: Any) -> Any: ...

    async def stop(self, name: str) -> None: ...


async def seen(
    engine: Addressed, name: str = "api", *, container: str = "", seconds: float = 10.0
) -> Collected:
    entry = DockerEntry(name=name, manager="docker", url=engine.url, container=container)
    return await Processes([entry], World()).collect(asyncio.get_running_loop().time() + seconds)


class ContainerTales:
    """`engine` is a fixture of who tells them."""

    @pytest.fixture
    def engine(self) -> Containers:
        raise NotImplementedError

    async def test_a_container_that_runs_is_up_with_its_figures(self, engine: Containers) -> None:
        await engine.run("api", SLEEP)
        found = await seen(engine)
        assert found.problems == ()
        assert value(found, "prunella_process_up", name="api", manager="docker") == 1
        assert (value(found, "prunella_process_resident_memory_bytes") or 0) > 1 << 20
        assert value(found, "prunella_process_restarts_total") == 0
        assert (value(found, "prunella_process_start_time_seconds") or 0) > 1.6e9

    async def test_its_processor_time_grows(self, engine: Containers) -> None:
        await engine.run("api", BUSY)

        async def has_grown() -> bool:
            found = await seen(engine)
            return (value(found, "prunella_process_cpu_seconds_total") or 0) > 0.1

        await until(has_grown, "it has used a tenth of a second")

    async def test_a_container_that_was_stopped_is_down(self, engine: Containers) -> None:
        await engine.run("api", SLEEP)
        await engine.stop("api")
        found = await seen(engine)
        assert value(found, "prunella_process_up") == 0
        assert value(found, "prunella_process_resident_memory_bytes") is None
        assert found.problems == ()

    async def test_restarts_are_the_engines_own_count(self, engine: Containers) -> None:
        await engine.run("api", BROKEN, restart=True)

        async def counted() -> bool:
            found = await seen(engine)
            return (value(found, "prunella_process_restarts_total") or 0) >= 2

        await until(counted, "two restarts are counted")

    async def test_the_memory_it_may_use_is_the_engines_limit(self, engine: Containers) -> None:
        await engine.run("api", SLEEP, memory=MEMORY)
        assert value(await seen(engine), "prunella_process_memory_limit_bytes") == MEMORY

    async def test_a_name_that_nobody_has_is_down_and_no_trouble(self, engine: Containers) -> None:
        await engine.run("api", SLEEP)
        for name in ("ap", "nobody"):
            found = await seen(engine, name)
            assert value(found, "prunella_process_up") == 0
            assert found.problems == ()

    async def test_an_entry_may_have_another_name_than_its_container(
        self, engine: Containers
    ) -> None:
        await engine.run("api", SLEEP)
        found = await seen(engine, "the shop", container="api")
        assert value(found, "prunella_process_up", name="the shop") == 1
