"""Gives jobs whose worker died back to their queue, where nobody else does: no worker runs, or none looks after them."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from prunella.service.settings import Duration
from receiver.actions.at_queue import system_of, unknown_queues
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.queues.base import Healed, QueueNames, QueueSystem, counts_of
from receiver.targets import Target
from receiver.tools import CalledOff, Tools


class HealStuckJobs(Action):
    """Moves jobs that nobody works on any more back to waiting, or to failed where the queue's own limit is reached.

    Which those are, each queue system says below, under Queues; a job that a living worker holds is never touched, however
    long it takes. `stuck_after` and `queues` narrow what the facet says. Jobs may have done a part of their work before
    their worker died: the queue's own rule for that is kept.
    """

    disruptive: ClassVar[bool] = False
    cancel_safe: ClassVar[bool] = True

    stuck_after: Annotated[Duration, Field(gt=0)] | None = None  # the facet's own: 5m
    queues: QueueNames | None = None  # all of the facet's

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "queue"

    def objection(self, target: Target) -> str | None:
        return unknown_queues(self.queues, target)

    def executables(self, target: Target) -> tuple[str, ...]:
        needed = target.queue.executable if target.queue is not None else None
        return () if needed is None else (needed,)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        system = system_of(effect)
        every = {name: Healed() for name in self.queues or system.queues}
        try:
            await in_time(effect, self._heal(system, every, tools))
        except CalledOff:
            every = {
                name: one for name, one in every.items() if any(counts_of({name: one}).values())
            }
            if not every:
                raise
        except ActionFailed as error:
            if not any(counts_of(every).values()):
                raise
            text = f"{error}; before that: {_said(every)}"
            raise type(error)(text, started=True, unknown=error.unknown) from error
        return Done(_said(every), counts_of(every))

    async def _heal(self, system: QueueSystem, every: dict[str, Healed], tools: Tools) -> None:
        stuck_after = self.stuck_after or system.stuck_after
        for name, healed in every.items():
            await system.heal(tools, name, stuck_after, healed)


def _said(every: dict[str, Healed]) -> str:
    return "; ".join(f"{name}: {healed}" for name, healed in every.items())
