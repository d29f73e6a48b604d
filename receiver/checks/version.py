"""Looks which version serves: a command that ended with 0, and a process that is up, have not shown that."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from receiver.checks.base import Check, Scene
from receiver.decide.release import LONGEST_WRITTEN
from receiver.decide.verdict import Outcome, Sample
from receiver.strategies.base import Strategy
from receiver.tools import Due, Tools
from receiver.version_proof import Reading

OF_THE_LEDGER = "target"


class VersionServes(Check):
    """Passes while every proof of the target's `release:` facet names the version that should serve: `target` is what the
    ledger says went live last, by a deploy or a rollback; any other word is that very version. No data while that cannot
    be read, while the ledger knows no release, and while a deploy is under way and another version serves already."""

    shorthand: ClassVar[str | None] = "serves"

    serves: Annotated[str, Field(min_length=1, max_length=LONGEST_WRITTEN)] = OF_THE_LEDGER

    def needs(self) -> str | None:
        return "release"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        release, process = scene.target.release, scene.target.process
        if release is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no release to look at")
        try:
            due = await self._due(release, scene.target.name, tools)
        except ValueError as error:
            return Sample(Outcome.NO_DATA, str(error))
        if due.version is None:
            why = f"the ledger knows no release that serves on {scene.target.name}"
            return Sample(Outcome.NO_DATA, why)
        reading = await release.running_everywhere(process, tools)
        return _judge(reading, reading.is_of(due.version), due)

    async def _due(self, release: Strategy, target: str, tools: Tools) -> Due:
        if self.serves == OF_THE_LEDGER:
            return await tools.due(target)
        return Due(release.version_of(self.serves))


def _judge(reading: Reading, serves: bool | None, due: Due) -> Sample:
    if serves:
        return Sample(Outcome.PASS, f"{due.version} serves: {reading.detail}")
    if serves is None:
        return Sample(Outcome.NO_DATA, reading.detail)
    if due.coming is not None:
        return Sample(Outcome.NO_DATA, f"{due.coming} is on its way, and {reading.detail}")
    return Sample(Outcome.FAIL, f"{reading.detail}, wanted {due.version}")
