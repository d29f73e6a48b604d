"""The managers of containers against the engine that docker/compose-test has started; elsewhere conftest.py leaves this
file alone, and the same tales are told to the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.managers.compose import Compose
from receiver.managers.docker import Docker
from tests.compose.engine import PROJECT, RealCompose, RealEngine
from tests.compose.programs import a_docker
from tests.receiver.managers.docker_tales import ComposeTales, DockerTales, Scene, the_tools

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


class TestDockerAgainstARealEngine(DockerTales):
    """As it was told to the stand-in."""

    @pytest.fixture
    def scene(self) -> Iterator[Scene]:
        engine = RealEngine()
        try:
            yield Scene(engine, the_tools(), lambda name: Docker(container=name, url=engine.url))
        finally:
            engine.end()


class TestComposeAgainstARealEngine(ComposeTales):
    """As it was told to the stand-in."""

    @pytest.fixture
    def scene(self, tmp_path: Path) -> Iterator[Scene]:
        engine = RealCompose(tmp_path)

        def facet(name: str) -> Compose:
            return Compose(project=PROJECT, file=engine.file, service=name, url=engine.url)

        try:
            yield Scene(engine, the_tools({"docker": a_docker(tmp_path)}), facet)
        finally:
            engine.end()
