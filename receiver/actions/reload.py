"""Puts new processes in the place of the old while it goes on answering, where the process manager can do that."""

from __future__ import annotations

from typing import ClassVar

from prunella.service.settings import Duration
from receiver.actions.base import ActionFailed, Done, Effect
from receiver.actions.by_manager import ByManager
from receiver.actions.watch import Watch, is_same, pids_of, watched
from receiver.managers.base import ManagerError, Verb
from receiver.tools import Tools


class Reload(ByManager):
    """Reloads the target's process: without downtime where its manager can (PM2 in cluster mode, a unit with
    `ExecReload=`), otherwise by a restart, and says which. It must then be up and stay up for `up_for`.

    Connections of the old processes end: that is what resets a pool. A reload or restart that is already going on is
    waited for and not doubled; a process in a restart loop is left alone.
    """

    verb: ClassVar[Verb] = "reload"

    up_for: Duration = 10.0

    @property
    def idempotent(self) -> bool:
        return True

    async def run(self, effect: Effect, tools: Tools) -> Done:
        return await watched(effect, tools, self.up_for, _reload)


async def _reload(watch: Watch) -> Done:
    manager = watch.manager
    if not manager.observable:
        await watch.order(lambda: manager.reload(watch.tools))
        return Done(f"reloaded {watch.name}; not seen, because its manager has no `status`")
    before, already = await watch.settled(await watch.first_look())
    if already:
        return Done(f"{watch.name} was being restarted already: pid {pids_of(before)}")
    smooth = await _smooth(watch)
    by_others = manager.reload_replaces or not smooth
    change = await watch.replaced(before, lambda: manager.reload(watch.tools), by_others=by_others)
    if not smooth:
        gap = f"with a gap, for {manager.gap}"
        return Done(f"restarted {watch.name} {gap}, in {change.took:.1f} s: {change.pids}")
    if manager.reload_replaces:
        return Done(f"reloaded {watch.name} without a gap in {change.took:.1f} s: {change.pids}")
    if change.before.pids and is_same(change.before, change.after):
        return Done(f"reloaded {watch.name} in place: still pid {pids_of(change.after)}")
    return Done(f"reloaded {watch.name} in {change.took:.1f} s: {change.pids}")


async def _smooth(watch: Watch) -> bool:
    try:
        return await watch.manager.zero_downtime(watch.tools)
    except ManagerError as error:
        raise ActionFailed(f"{watch.name}: {error}", started=False) from error
