"""Restarts a process by its manager and believes only what it sees: up, as a new process, and still up later."""

from __future__ import annotations

from typing import ClassVar

from prunella.service.settings import Duration
from receiver.actions.base import Done, Effect
from receiver.actions.by_manager import ByManager
from receiver.actions.watch import Watch, pids_of, watched
from receiver.managers.base import Verb
from receiver.tools import Tools


class Restart(ByManager):
    """Restarts the target's process with all its instances; it must then be up as new processes and stay up for
    `up_for`.

    A restart that is already going on is waited for and not doubled; a process in a restart loop is not restarted once
    more. What a `command` manager without `status` did is not seen here: verification decides.
    """

    verb: ClassVar[Verb] = "restart"

    up_for: Duration = 10.0

    @property
    def idempotent(self) -> bool:
        return True

    async def run(self, effect: Effect, tools: Tools) -> Done:
        return await watched(effect, tools, self.up_for, _restart)


async def _restart(watch: Watch) -> Done:
    if not watch.manager.observable:
        await watch.order(lambda: watch.manager.restart(watch.tools))
        return Done(f"restarted {watch.name}; not seen, because its manager has no `status`")
    before, already = await watch.settled(await watch.first_look())
    if already:
        return Done(f"{watch.name} was being restarted already: pid {pids_of(before)}")
    change = await watch.replaced(before, lambda: watch.manager.restart(watch.tools))
    return Done(f"restarted {watch.name} in {change.took:.1f} s: {change.pids}")
