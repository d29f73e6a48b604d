"""What has to be so of a service whose image is pinned, whoever runs it: told against the stand-in here, and against a real
engine in tests/compose."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from receiver.actions.base import Done
from receiver.actions.rollback import Rollback as RollbackAction
from receiver.decide.going_back import Rollback, Step
from receiver.managers.base import ProcessState, ProcessStatus
from receiver.managers.compose import Compose as Manager
from receiver.strategies.base import StrategyError
from receiver.strategies.compose import Compose
from receiver.targets import Target
from receiver.tools import Tools
from tests.receiver.actions.releases import StandInLogbook, World, an_effect_of
from tests.receiver.builders import NOW
from tests.receiver.decide.releases import Book, a_ledger, a_release
from tests.receiver.managers.docker_tales import SLEEP, STUBBORN, KilledAt
from tests.servers.process import until

NOWHERE = "sha256:" + "f" * 64


class Images(Protocol):
    """A compose project, and two images for it."""

    @property
    def url(self) -> str: ...

    @property
    def file(self) -> Path: ...

    @property
    def image(self) -> str: ...

    def version(self, tag: str) -> str:
        """The digest of the image `v1`, which the file names, or of `v2`."""

    async def run(self, name: str, code: str, *, replicas: int = 1, **options: Any) -> None: ...


@dataclass(frozen=True)
class ReleaseScene:
    """One project, its target `web`, and the tools of an action."""

    engine: Images
    tools: Tools
    project: str

    @property
    def target(self) -> Target:
        service = {
            "project": self.project,
            "file": str(self.engine.file),
            "service": "web",
            "url": self.engine.url,
        }
        release = {
            "strategy": "compose",
            "path": str(self.engine.file.parent),
            "room": "1MiB",
            "image": self.engine.image,
            **service,
        }
        process = {"manager": "compose", **service}
        return Target.model_validate({"name": "web", "process": process, "release": release})

    @property
    def web(self) -> Compose:
        assert isinstance(self.target.release, Compose)
        return self.target.release

    @property
    def manager(self) -> Manager:
        assert isinstance(self.target.process, Manager)
        return self.target.process

    @property
    def db(self) -> Manager:
        return self.manager.model_copy(update={"service": "db"})

    async def serves(self, tag: str) -> bool | None:
        reading = await self.web.running(self.manager, self.tools)
        return reading.is_of(self.engine.version(tag))

    async def status(self) -> ProcessStatus:
        return await self.manager.status(self.tools)

    async def begin(self, code: str = SLEEP, replicas: int = 1) -> None:
        """`web` and `db`, both of v1."""
        await self.engine.run("web", code, replicas=replicas)
        await self.engine.run("db", SLEEP)
        await self.are_up()

    def logbook(self) -> StandInLogbook:
        """By which v1 is good, and v2 serves."""
        good, bad = self.engine.version("v1"), self.engine.version("v2")
        ledger = a_ledger(
            replace(a_release(good, hours_ago=10), target="web"),
            replace(a_release(bad, compatible_down_to=good), target="web"),
        )
        return StandInLogbook(World(), Book(ledger), Rollback("web", 2, bad, good, 7, "a-1", NOW))

    async def go_back(self, book: StandInLogbook) -> Done:
        action = RollbackAction.model_validate({"up_for": "300ms", "prove_within": "20s"})
        return await action.run(an_effect_of(self.target, book), self.tools)

    async def are_up(self) -> None:
        async def is_so() -> bool:
            return (await self.status()).state is ProcessState.UP

        await until(is_so, "web is up")


class ReleaseTales:
    """For classes that have a fixture `scene`."""

    async def test_the_chosen_version_runs_in_every_container_and_nothing_else_is_touched(
        self, scene: ReleaseScene
    ) -> None:
        await scene.begin(replicas=2)
        db = await scene.db.status(scene.tools)
        assert await scene.web.active(scene.tools) is None
        assert "is on the engine" in await scene.web.preflight(
            scene.engine.version("v2"), scene.tools
        )
        assert await scene.serves("v1") is True
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        assert await scene.web.active(scene.tools) == scene.engine.version("v2")
        assert (await scene.serves("v2"), await scene.serves("v1")) == (True, False)
        assert len((await scene.status()).pids) == 2
        assert await scene.db.status(scene.tools) == db

    async def test_doing_it_twice_is_doing_it_once(self, scene: ReleaseScene) -> None:
        await scene.begin()
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        before = await scene.status()
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        assert await scene.status() == before

    async def test_there_and_back_again(self, scene: ReleaseScene) -> None:
        await scene.begin()
        for tag in ("v2", "v1", "v2"):
            await scene.web.activate(scene.engine.version(tag), scene.tools)
            assert await scene.serves(tag) is True

    async def test_a_choice_that_was_written_and_not_applied_is_applied(
        self, scene: ReleaseScene
    ) -> None:
        await scene.begin()
        killed = replace(scene.tools, programs=KilledAt("up", 0.0))
        with pytest.raises(StrategyError, match="took longer") as caught:
            await scene.web.activate(scene.engine.version("v2"), killed)
        assert caught.value.started
        assert await scene.web.active(scene.tools) == scene.engine.version("v2")
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        assert await scene.serves("v2") is True

    @pytest.mark.parametrize("goes_on", ["v2", "v1"])
    async def test_from_wherever_a_killed_receiver_left_it_both_ways_are_open(
        self, scene: ReleaseScene, goes_on: str
    ) -> None:
        await scene.begin(STUBBORN, replicas=2)  # a second for each stop
        killed = replace(scene.tools, programs=KilledAt("up", 0.7))
        with pytest.raises(StrategyError):
            await scene.web.activate(scene.engine.version("v2"), killed)
        await asyncio.sleep(1.5)  # what the engine was told comes to its end
        await scene.web.activate(scene.engine.version(goes_on), scene.tools)
        assert await scene.serves(goes_on) is True
        assert len((await scene.status()).pids) == 2

    async def test_what_the_engine_has_not_leaves_everything_as_it_was(
        self, scene: ReleaseScene
    ) -> None:
        await scene.begin()
        before = await scene.status()
        for asked in (scene.web.preflight, scene.web.activate):
            with pytest.raises(StrategyError, match="the engine has no") as caught:
                await asked(NOWHERE, scene.tools)
            assert not caught.value.started
        assert await scene.status() == before
        assert await scene.web.active(scene.tools) is None

    async def test_a_restart_and_another_replica_do_not_undo_it(self, scene: ReleaseScene) -> None:
        await scene.begin()
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        await scene.manager.scale(scene.tools, 2)
        assert await scene.serves("v2") is True
        await scene.manager.restart(scene.tools)
        assert await scene.serves("v2") is True

    async def test_a_replica_of_another_version_is_seen(self, scene: ReleaseScene) -> None:
        await scene.begin()
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        unaware = scene.manager.model_copy(update={"override": None})
        await unaware.scale(scene.tools, 2)
        reading = await scene.web.running(scene.manager, scene.tools)
        assert reading.divided
        assert "2 different images" in reading.detail

    async def test_where_nothing_runs_nothing_is_proven_and_it_can_be_started(
        self, scene: ReleaseScene
    ) -> None:
        await scene.engine.run("web", SLEEP, replicas=0)
        assert await scene.serves("v1") is None
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        assert await scene.serves("v2") is True

    async def test_the_action_goes_back_and_proves_it(self, scene: ReleaseScene) -> None:
        await scene.begin(replicas=2)
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        db = await scene.db.status(scene.tools)
        book = scene.logbook()
        done = await scene.go_back(book)
        assert "is proven to serve" in done.text
        assert await scene.serves("v1") is True
        assert await scene.db.status(scene.tools) == db

    @pytest.mark.parametrize("moment", [0.2, 1.2])
    async def test_a_rollback_that_was_cut_off_at_any_moment_is_gone_on_with(
        self, scene: ReleaseScene, moment: float
    ) -> None:
        await scene.begin(STUBBORN, replicas=2)
        await scene.web.activate(scene.engine.version("v2"), scene.tools)
        book = scene.logbook()
        cut_off = asyncio.create_task(scene.go_back(book))
        await asyncio.sleep(moment)
        cut_off.cancel()
        await asyncio.gather(cut_off, return_exceptions=True)
        await asyncio.sleep(1.2)  # what the engine was told comes to its end
        await scene.go_back(book)
        assert book.book.rollbacks[-1].step is Step.ROLLED_BACK
        assert await scene.serves("v1") is True
        assert len((await scene.status()).pids) == 2
