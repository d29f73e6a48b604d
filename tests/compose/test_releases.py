"""The release strategy `compose` against the engine that docker/compose-test has started; elsewhere conftest.py leaves this
file alone, and the same tales are told to the stand-in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from receiver.version_proof import VersionProof
from tests.compose.engine import PROJECT, RealImages, docker
from tests.compose.programs import a_docker
from tests.compose.registry import a_registry
from tests.receiver.managers.docker_tales import SLEEP, the_tools
from tests.receiver.strategies.compose_tales import ReleaseScene, ReleaseTales

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The registry under whose name they are."""
    with a_registry() as registry:
        engine = RealImages(tmp_path_factory.mktemp("images"), registry)
        engine.build()
        try:
            yield registry
        finally:
            engine.remove()


class TestAgainstARealEngine(ReleaseTales):
    """As it was told to the stand-in."""

    @pytest.fixture
    def scene(self, tmp_path: Path, images: str) -> Iterator[ReleaseScene]:
        engine = RealImages(tmp_path, images)
        try:
            yield ReleaseScene(engine, the_tools({"docker": a_docker(tmp_path)}), PROJECT)
        finally:
            engine.end()

    async def test_the_app_may_say_what_the_label_of_its_image_says(
        self, scene: ReleaseScene
    ) -> None:
        await scene.begin()
        for says, proven in (("v1", True), ("v2", False)):
            asked = VersionProof(command=("/bin/echo", says))
            facet = scene.web.model_copy(update={"version": asked})
            reading = await facet.running(scene.manager, scene.tools)
            assert reading.is_of(scene.engine.version("v1")) is proven

    async def test_what_only_the_override_knows_is_no_service(self, scene: ReleaseScene) -> None:
        await scene.engine.run("db", SLEEP)
        reading = await scene.web.running(scene.manager, scene.tools)
        assert "has no service web" in reading.detail
        with pytest.raises(Exception, match="no such service"):
            await scene.web.preflight(scene.engine.version("v2"), scene.tools)

    async def test_volumes_outlive_it(self, scene: ReleaseScene) -> None:
        await scene.begin()
        name = f"{PROJECT}_kept"
        docker("volume", "create", name)
        try:
            await scene.web.activate(scene.engine.version("v2"), scene.tools)
            assert name in docker("volume", "ls", "--quiet").split()
        finally:
            docker("volume", "rm", name)
