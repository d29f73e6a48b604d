"""Has a process come up on what was activated for it, and believes it when it is seen."""

from __future__ import annotations

from receiver.actions.base import ActionFailed
from receiver.actions.watch import Watch
from receiver.managers.base import ManagerError, ProcessState, ProcessStatus


async def come_up(
    watch: Watch, before: ProcessStatus | None, *, starts: bool
) -> ProcessStatus | None:
    """Has the process come up anew, unless it was started with the version; None where that cannot be seen. What is down
    is started and not reloaded. Raises ActionFailed."""
    manager, was = watch.manager, before or ProcessStatus(ProcessState.DOWN)
    if not manager.observable:
        if not starts:
            await watch.order(lambda: manager.reload(watch.tools))
        return None
    if starts:
        return await watch.until_up(was, by_others=False)
    if was.state is not ProcessState.UP:
        await watch.order(lambda: manager.restart(watch.tools))
        return await watch.until_up(was, by_others=True)
    try:
        smooth = await manager.zero_downtime(watch.tools)
    except ManagerError as error:
        raise ActionFailed(f"{watch.name}: {error}") from error
    order = manager.reload if manager.reload_follows else manager.restart
    await watch.order(lambda: order(watch.tools))
    stays = smooth and manager.reload_follows and not manager.reload_replaces
    return await watch.until_up(was, by_others=not stays)
