"""Stops workers from taking jobs, so that what they would break or be broken by can be repaired, and lets them go on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from prunella.service.rules import Rule, is_given
from prunella.service.settings import Duration
from receiver.actions.at_queue import system_of, unknown_queues
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, ActionFailed, Done, Effect
from receiver.queues.base import QueueNames, QueueSystem
from receiver.targets import Target
from receiver.tools import OutsideError, Tools


class PauseQueue(Action):
    """Pauses `queues` (all of the facet's), or with `resume: true` lets them go on.

    Jobs that run already are finished, new ones wait. With `resume_after` they go on after that time: an incident of
    its own waits for it in the journal, so that a restart of the receiver does not matter; a queue that was paused
    before is not resumed by it. Without, a queue stays paused until somebody resumes it: a rung `{action: pause_queue,
    resume: true}`, `prunella repair TARGET pause_queue -- resume=true`, or the application.
    """

    queues: QueueNames | None = None
    resume: bool = False
    resume_after: Annotated[Duration, Field(ge=1)] | None = None

    @Rule
    def _one_way(self) -> Iterator[str]:
        if self.resume and is_given(self, "resume_after"):
            yield "give either resume or resume_after"

    @property
    def idempotent(self) -> bool:
        return True

    def needs(self) -> str | None:
        return "queue"

    def objection(self, target: Target) -> str | None:
        never = target.queue.never_pauses if target.queue is not None else None
        return never or unknown_queues(self.queues, target)

    async def run(self, effect: Effect, tools: Tools) -> Done:
        system = system_of(effect)
        names = self.queues or system.queues
        changed = await in_time(effect, self._set(system, names, tools))
        word = "resumed" if self.resume else "paused"
        same = [name for name in names if name not in changed]
        said = [f"{word} {', '.join(changed)}"] if changed else []
        said += (
            [f"{', '.join(same)} {'was' if len(same) == 1 else 'were'} so already"] if same else []
        )
        if changed and self.resume_after is not None:
            said.append(f"to go on in {self.resume_after:g} s")
        return Done("; ".join(said), {word: len(changed)})

    async def _set(self, system: QueueSystem, names: QueueNames, tools: Tools) -> list[str]:
        if self.resume_after is not None:
            await self._promise(self.resume_after, system, names, tools)
        change = system.resume if self.resume else system.pause
        return [name for name in names if await change(tools, name)]

    async def _promise(
        self, seconds: float, system: QueueSystem, names: QueueNames, tools: Tools
    ) -> None:
        """Before the effect: who dies in between leaves a queue that is resumed, not one that stays paused."""
        looks = [(name, await system.look(tools, name, system.stuck_after)) for name in names]
        running = [name for name, look in looks if not look.paused]
        if not running:
            return
        try:
            await tools.later(seconds, "pause_queue", {"queues": list(running), "resume": True})
        except OutsideError as error:
            raise ActionFailed(f"not paused: {error}", started=False) from error
