"""Stops workers from taking jobs, so that what they would break or be broken by can be repaired, and lets them go on."""

from __future__ import annotations

from receiver.actions.at_queue import system_of, unknown_queues
from receiver.actions.at_store import in_time
from receiver.actions.base import Action, Done, Effect
from receiver.queues.base import QueueNames, QueueSystem
from receiver.targets import Target
from receiver.tools import Tools


class PauseQueue(Action):
    """Pauses `queues` (all of the facet's), or with `resume: true` lets them go on.

    Jobs that run already are finished, new ones wait. A paused queue stays so until somebody resumes it: a rung
    `{action: pause_queue, resume: true}`, `prunella repair TARGET pause_queue -- resume=true`, or the application.
    """

    queues: QueueNames | None = None
    resume: bool = False

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
        return Done("; ".join(said), {word: len(changed)})

    async def _set(self, system: QueueSystem, names: QueueNames, tools: Tools) -> list[str]:
        change = system.resume if self.resume else system.pause
        return [name for name in names if await change(tools, name)]
