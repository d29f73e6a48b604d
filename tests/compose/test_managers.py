"""The managers of containers against the engine that docker/compose-test has started; elsewhere conftest.py leaves this
file alone, and the same tales are told to the stand-in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from receiver.managers.docker import Docker
from tests.compose.engine import RealEngine
from tests.receiver.managers.docker_tales import DockerTales, Scene, the_tools

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def engine() -> Iterator[RealEngine]:
    started = RealEngine()
    try:
        yield started
    finally:
        started.end()


@pytest.fixture
def scene(engine: RealEngine) -> Scene:
    return Scene(engine, the_tools(), Docker(container="api", url=engine.url))


class TestDockerAgainstARealEngine(DockerTales):
    """As it was told to the stand-in."""
