from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.collectors.process_sources.docker import DockerEntry
from exporter.collectors.process_sources.look import Snapshot
from tests.exporter.collectors.container_tales import SLEEP, Containers, ContainerTales, seen
from tests.exporter.proc.tree import STAT, process, write
from tests.exporter.reading import value
from tests.servers.docker_engine import StandInEngine, stand_in_engine


@pytest.fixture
async def engine() -> AsyncIterator[StandInEngine]:
    async with stand_in_engine() as started:
        yield started


@pytest.mark.server
class TestAgainstTheStandIn(ContainerTales):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[Containers]:
        async with stand_in_engine() as started:
            yield started


async def test_an_engine_that_is_not_there_costs_only_its_own_entries(tmp_path: Path) -> None:
    found = await seen(StandInEngine(f"unix://{tmp_path}/docker.sock"))
    assert value(found, "prunella_process_up") == 0
    assert found.problems == (
        f"no Docker Engine answers at unix://{tmp_path}/docker.sock: No such file or directory",
    )


@pytest.mark.server
async def test_an_engine_that_hangs_is_given_up(engine: StandInEngine) -> None:
    await engine.run("api", SLEEP)
    engine.awake.clear()
    found = await seen(engine, seconds=0.4)
    assert found.problems == ("docker: no answer in time",)
    assert value(found, "prunella_process_up") == 0


@pytest.mark.server
async def test_a_filter_that_forbids_statistics_is_named(engine: StandInEngine) -> None:
    await engine.run("api", SLEEP)
    engine.forbidden.add("stats")
    (problem,) = (await seen(engine)).problems
    assert "answers 403 to GET /containers/api/stats" in problem


@pytest.mark.server
async def test_what_an_engine_tells_of_the_environment_stays_with_it(engine: StandInEngine) -> None:
    await engine.run("api", SLEEP)
    found = await seen(engine)
    assert "c4nary" not in repr(found)


@pytest.mark.server
@pytest.mark.parametrize("newest", ["1.41", "1.52"])
async def test_old_and_new_engines_are_spoken_to_in_their_version(
    engine: StandInEngine, newest: str
) -> None:
    engine.newest, engine.oldest = newest, "1.24"
    await engine.run("api", SLEEP)
    assert value(await seen(engine), "prunella_process_up") == 1


@pytest.mark.parametrize("name", ["a b", "../x", "-rm", "a/../b", "x?y=1"])
def test_a_name_that_is_no_containers_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        DockerEntry(name="api", manager="docker", container=name)


@pytest.mark.parametrize("url", ["docker.sock", "unix://docker.sock", "http://u:p@h", "ssh://h"])
def test_an_address_that_is_no_engines_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        DockerEntry(name="api", manager="docker", url=url)


def test_a_process_is_told_by_the_containers_id_in_its_control_group(tmp_path: Path) -> None:
    identity = "f" * 64
    write(tmp_path, {"stat": STAT, "7/cgroup": f"0::/system.slice/docker-{identity}.scope\n"})
    process(tmp_path, 7)
    snapshot = Snapshot(tmp_path)
    assert snapshot.within(7, identity)
    assert not snapshot.within(7, "e" * 64)
    assert not snapshot.within(os.getpid() + 100_000, identity)
