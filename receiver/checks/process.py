"""Looks whether the target's process is up, as its manager says: the least that a restart has to have reached."""

from __future__ import annotations

from typing import ClassVar, Literal

from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.managers.base import ManagerError, ProcessState
from receiver.tools import Tools


class ProcessUp(Check):
    """Passes while every instance is up; a manager that cannot be asked is no data."""

    shorthand: ClassVar[str | None] = "state"

    state: Literal["up"] = "up"

    def needs(self) -> str | None:
        return "process"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        manager = scene.target.process
        if manager is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no process to look at")
        try:
            status = await manager.status(tools)
        except ManagerError as error:
            return Sample(Outcome.NO_DATA, str(error))
        outcome = Outcome.PASS if status.state is ProcessState.UP else Outcome.FAIL
        return Sample(outcome, f"the process is {status.state}")
