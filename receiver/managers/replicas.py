"""Several instances of one process, seen as one."""

from __future__ import annotations

from collections.abc import Sequence

from receiver.managers.base import ProcessState, ProcessStatus

_WORST_FIRST = (
    ProcessState.DOWN,
    ProcessState.MISSING,
    ProcessState.STARTING,
    ProcessState.UP,
)


def as_one(instances: Sequence[ProcessStatus]) -> ProcessStatus:
    """All together: down if any is, and only as young as the oldest; missing when there is none."""
    if not instances:
        return ProcessStatus(ProcessState.MISSING)
    states = {instance.state for instance in instances}
    worst = next(state for state in _WORST_FIRST if state in states)
    starts = [instance.started_at for instance in instances if instance.started_at is not None]
    return ProcessStatus(
        state=worst,
        started_at=min(starts) if worst is ProcessState.UP and starts else None,
        pids=tuple(pid for instance in instances for pid in instance.pids),
        restarts=sum(instance.restarts for instance in instances),
    )
