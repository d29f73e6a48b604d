from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pydantic import ValidationError

from receiver.managers.compose import Compose as Manager
from receiver.strategies.base import StrategyError
from receiver.strategies.compose import OVERRIDE
from receiver.targets import Target
from receiver.tools import Finished, OutsideError
from tests.receiver.managers.docker_tales import STUBBORN, KilledAt, the_tools
from tests.receiver.stand_ins import a_toolbox
from tests.receiver.strategies.compose_tales import ReleaseScene, ReleaseTales
from tests.receiver.strategies.one_image import (
    DENIED,
    ID,
    NAME,
    V1,
    V2,
    a_facet,
    an_engine,
    files_in,
)
from tests.servers.compose import StandInCompose, stand_in_compose
from tests.servers.compose_images import Image
from tests.servers.process import until

# -- the config


@pytest.mark.parametrize(
    "image",
    ["", "Shop", "shop:1.0", f"shop@{V1}", "-shop", "--help", "a b", "a/../b", "shop/", "$(id)"],
)
def test_what_is_not_the_name_of_an_image_alone_is_refused(tmp_path: Path, image: str) -> None:
    with pytest.raises(ValidationError, match="must be the name of an image without tag"):
        a_facet(tmp_path, image=image)


@pytest.mark.parametrize("image", ["shop", "team/shop", NAME, "ghcr.io/team/shop-web_2.x"])
def test_a_registry_and_its_port_belong_to_the_name(tmp_path: Path, image: str) -> None:
    assert a_facet(tmp_path, image=image).image == image


def test_versions_are_digests_of_that_image(tmp_path: Path) -> None:
    facet = a_facet(tmp_path)
    for text in (V1, f"{NAME}@{V1}", f"{NAME}:v1.2@{V1}"):
        assert facet.version_of(text) == V1


def test_no_proof_has_to_be_named_because_the_image_is_one(tmp_path: Path) -> None:
    assert not a_facet(tmp_path).version.asks
    with pytest.raises(ValidationError, match="a folder a version"):
        a_facet(tmp_path, version={"cwd": True})


def test_the_manager_of_the_same_service_knows_the_pin(tmp_path: Path) -> None:
    same = {"project": "shop", "file": "compose.yml", "service": "web"}
    release = {"strategy": "compose", "path": ".", "image": NAME, **same}

    def override(**other: str) -> Path | None:
        process = {"manager": "compose", **same, **other}
        target = {"name": "web", "process": process, "release": release}
        made = Target.model_validate(target, context={"folder": tmp_path})
        assert Target.model_validate(made.model_dump(mode="json", by_alias=True)) == made
        assert isinstance(made.process, Manager)
        return made.process.override

    assert override() == tmp_path / OVERRIDE
    assert override(service="db") is override(project="x") is override(file="other.yml") is None
    assert override(override="mine.yml") == tmp_path / "mine.yml"


# -- what it tells docker


async def test_one_service_is_made_anew_of_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    programs = an_engine()
    await a_facet(tmp_path).activate(V1, a_toolbox(programs=programs))
    files = ("--file", str(tmp_path / "compose.yml"), "--file", str(tmp_path / OVERRIDE))
    assert programs.ran[-1].argv == (
        *("docker", "compose", "--project-name", "shop", *files, "up", "--detach", "--no-deps"),
        *("--no-build", "--pull", "never", "--scale", "web=1", "web"),
    )
    assert not {"down", "pull", "rm", "--volumes", "--build"} & {
        word for ran in programs.ran for word in ran.argv
    }
    assert programs.ran[-1].env == {"DOCKER_HOST": "unix:///var/run/docker.sock"}


async def test_a_preflight_changes_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / OVERRIDE).write_text("services: {db: {image: x}}\n")
    programs = an_engine()
    await a_facet(tmp_path).preflight(V1, a_toolbox(programs=programs))
    assert files_in(tmp_path) == [OVERRIDE]
    assert (tmp_path / OVERRIDE).read_text() == "services: {db: {image: x}}\n"
    assert "up" not in {word for ran in programs.ran for word in ran.argv}


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"image": Finished(1, "Error: No such image: x")}, "the engine has no"),
        ({"image": Finished(1, DENIED)}, "the group `docker`"),
        ({"image": OutsideError("cannot start docker", sent=False)}, "cannot start"),
        ({"image": Finished(None, "")}, "no answer within"),
        ({"config": Finished(1, "no such service: web")}, "no such service"),
        ({"config": Finished(15, "yaml: line 1: did not find")}, "yaml: line 1"),
        ({"config": Finished(0, "shop:latest\n")}, "compose would not run"),
    ],
)
async def test_a_preflight_that_finds_something_wrong_touched_nothing(
    tmp_path: Path, answers: dict[str, Finished | OutsideError], said: str
) -> None:
    with pytest.raises(StrategyError, match=said) as caught:
        await a_facet(tmp_path).preflight(V1, a_toolbox(programs=an_engine(answers=answers)))
    assert not caught.value.started
    assert not files_in(tmp_path)


@pytest.mark.parametrize("version", ["v1", "", "latest", f"other@{V1}", "sha256:12", V1.upper()])
async def test_what_is_no_digest_of_the_image_is_no_version(tmp_path: Path, version: str) -> None:
    for asked in (a_facet(tmp_path).preflight, a_facet(tmp_path).activate):
        with pytest.raises(StrategyError, match="target is") as caught:
            await asked(version, a_toolbox(programs=an_engine()))
        assert not caught.value.started


async def test_without_room_nothing_is_begun(tmp_path: Path) -> None:
    with pytest.raises(StrategyError, match="free"):
        await a_facet(tmp_path, room="1000000TiB").preflight(V1, a_toolbox(programs=an_engine()))


@pytest.mark.parametrize(
    "answers", [{"ps": Finished(1, DENIED)}, {"container": Finished(1, "gone")}]
)
async def test_what_cannot_be_counted_is_not_begun(
    tmp_path: Path, answers: dict[str, Finished | OutsideError]
) -> None:
    with pytest.raises(StrategyError) as caught:
        await a_facet(tmp_path).activate(V1, a_toolbox(programs=an_engine(answers=answers)))
    assert not caught.value.started
    assert not files_in(tmp_path)


async def test_an_up_that_fails_may_have_changed_something(tmp_path: Path) -> None:
    programs = an_engine(answers={"up": Finished(1, "Error response from daemon: port is taken")})
    with pytest.raises(StrategyError, match="port is taken") as caught:
        await a_facet(tmp_path).activate(V1, a_toolbox(programs=programs))
    assert caught.value.started


async def test_whose_lease_is_over_pins_nothing(tmp_path: Path) -> None:
    class LeaseOver(Exception):
        pass

    def over() -> None:
        raise LeaseOver

    tools = the_tools()
    object.__setattr__(tools, "programs", an_engine())
    object.__setattr__(tools, "require_lease", over)
    with pytest.raises(LeaseOver):
        await a_facet(tmp_path).activate(V1, tools)
    assert not files_in(tmp_path)


@pytest.mark.parametrize(
    "text",
    ["services: {web: {image: shop:latest}}", "services: {}", "[", "services: []", "", "- x"],
)
async def test_a_file_without_a_pin_of_ours_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / OVERRIDE).write_text(text)
    assert await a_facet(tmp_path).active(a_toolbox()) is None


# -- the tales


@pytest.mark.server
class TestAgainstTheStandIn(ReleaseTales):
    @pytest_asyncio.fixture
    async def engine(self) -> AsyncIterator[StandInCompose]:
        async with stand_in_compose() as started:
            started.images += [Image(V1, ("shop:v1",)), Image(ID, (f"shop@{V2}",))]
            yield started

    @pytest.fixture
    def scene(self, engine: StandInCompose) -> ReleaseScene:
        tools = the_tools({"docker": str(engine.executable)})
        return ReleaseScene(_Tagged(engine), tools, "shop")

    async def test_between_two_containers_it_is_of_two_versions(
        self, engine: StandInCompose, scene: ReleaseScene
    ) -> None:
        await scene.begin(replicas=2)
        engine.pause.clear()
        half = asyncio.create_task(scene.web.activate(V2, scene.tools))
        await engine.made_anew.wait()
        reading = await scene.web.running(scene.manager, scene.tools)
        assert reading.is_of(V1) is reading.is_of(V2) is False
        engine.pause.set()
        await half
        assert await scene.serves("v2") is True

    async def test_a_successor_that_was_never_started_is_taken_away(
        self, engine: StandInCompose, scene: ReleaseScene
    ) -> None:
        await scene.begin(STUBBORN)
        killed = replace(scene.tools, programs=KilledAt("up", 0.5))  # while the old one is stopped
        with pytest.raises(StrategyError):
            await scene.web.activate(V2, killed)
        await until(lambda: engine.of("web")[-1].status == "exited", "the old one is stopped")
        assert [one.status for one in engine.of("web")] == ["created", "exited"]
        await scene.web.activate(V2, scene.tools)
        assert await scene.serves("v2") is True
        (removed,) = [argv for argv in engine.ran if "rm" in argv]
        assert removed[:2] == ["container", "rm"]
        assert not {"--force", "-f", "--volumes", "-v"} & set(removed)

    async def test_a_successor_whose_predecessor_is_gone_is_kept(
        self, engine: StandInCompose, scene: ReleaseScene
    ) -> None:
        """It has its volumes."""
        await scene.begin()
        (old,) = engine.of("web")
        steps = engine.replaced(old, f"shop@{V2}")
        for _ in range(3):
            await anext(steps)
        (successor,) = engine.of("web")
        assert successor.status == "created"
        await scene.web.activate(V2, scene.tools)
        assert [one.id for one in engine.of("web")] == [successor.id]
        assert await scene.serves("v2") is True


class _Tagged:
    """The stand-in with the images of the tales: v1 was built there, v2 came from a registry."""

    image = "shop"

    def __init__(self, engine: StandInCompose) -> None:
        self.url, self.file = engine.url, engine.file
        self._engine = engine

    def version(self, tag: str) -> str:
        return {"v1": V1, "v2": V2}[tag]

    async def run(self, name: str, code: str, *, replicas: int = 1, **options: Any) -> None:
        await self._engine.run(name, code, replicas=replicas, image="shop:v1", **options)
