"""An app with a layout and a version endpoint, and a receiver that looks at it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prunella.metrics import Gauge
from receiver.decide.ledger import Deploy, finished
from receiver.decide.release import Release
from receiver.stages.sightings import EVERY, Sightings
from receiver.tools import OutsideError, Response
from tests.receiver.rig import CONFIG, Rig, rig


@dataclass
class App:
    """Says which version it is; its layout points at `current`. Everything else that is sent is kept."""

    folder: Path
    version: str | None = "v1"
    hangs: bool = False
    asked: int = 0
    sent: list[bytes] = field(default_factory=list)

    async def request(self, method: str, url: str, **options: Any) -> Response:
        if not url.endswith("/version"):
            self.sent.append(options.get("body") or b"")
            return Response(200)
        self.asked += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.version is None:
            raise OutsideError("GET http://127.0.0.1:1: Connection refused")
        return Response(200, f'{{"version": "{self.version}"}}'.encode())

    def points_at(self, version: str) -> None:
        link = self.folder / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("releases", version))


@dataclass
class Watched:
    """A receiver that looks, at an app."""

    made: Rig
    app: App
    sightings: Sightings

    async def say(self, word: Any, version: str) -> None:
        now = self.made.context.now()
        await self.made.journal.enter("shop", word(Deploy("shop", version, "ci", now)), now)

    async def deploy(self, version: str) -> None:
        """As it should be: on the disk, running, and said."""
        self.become(version)
        await self.say(finished, version)

    def become(self, version: str) -> None:
        self.app.version = version
        self.app.points_at(version)

    async def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.made.clock.at += EVERY
            assert await self.sightings.once() == 1

    async def serving(self) -> Release:
        (one,) = [one for one in await self.made.journal.serving() if one.serves]
        return one

    async def versions(self) -> list[str]:
        return [one.version for one in await self.made.journal.releases("shop")]


@asynccontextmanager
async def watched(folder: Path) -> AsyncIterator[Watched]:
    app = App(folder)
    (folder / "releases").mkdir()
    app.points_at("v1")
    version = {"url": "http://127.0.0.1:1/version", "json": "version"}
    release = {"strategy": "symlink", "path": str(folder), "version": version}
    targets = {**CONFIG["targets"], "shop": {**CONFIG["targets"]["shop"], "release": release}}
    async with rig(targets=targets) as made:
        object.__setattr__(made.context.tools, "http", app)
        yield Watched(made, app, Sightings(made.context))


def shown(gauge: Gauge) -> dict[str, float]:
    samples = [one for family in gauge.collect() for one in family.samples]
    return {one.labels["target"]: one.value for one in samples}
