"""Looks at the target's queues: whether they can be asked at all, or whether jobs are stuck in them."""

from __future__ import annotations

from typing import ClassVar, Literal

from receiver.checks.base import Check, Scene
from receiver.decide.verdict import Outcome, Sample
from receiver.stores.base import StoreError
from receiver.tools import Tools


class QueueState(Check):
    """`{queue: reachable}` passes when every queue of the facet can be asked; `{queue: unstuck}` when, besides, no job
    is in the hands of a dead worker for longer than the facet's `stuck_after`."""

    shorthand: ClassVar[str | None] = "state"

    state: Literal["reachable", "unstuck"]

    def needs(self) -> str | None:
        return "queue"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        system = scene.target.queue
        if system is None:
            return Sample(Outcome.NO_DATA, f"{scene.target.name} has no queue to look at")
        said, stuck = [], 0
        for name in system.queues:
            try:
                look = await system.look(tools, name, system.stuck_after)
            except StoreError as error:
                return Sample(Outcome.NO_DATA, f"{name}: {error}")
            said.append(f"{name}: {look.waiting} waiting, {look.active} active, {look.stuck} stuck")
            stuck += look.stuck
        passes = self.state == "reachable" or not stuck
        return Sample(Outcome.PASS if passes else Outcome.FAIL, "; ".join(said))
