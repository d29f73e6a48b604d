"""What an engine's words for a container mean for a repair."""

from __future__ import annotations

from datetime import datetime

from receiver.managers.base import ProcessState, ProcessStatus

_STATES = {"running": ProcessState.UP, "restarting": ProcessState.STARTING}
_HEALTH = {"starting": ProcessState.STARTING, "unhealthy": ProcessState.DOWN}


def container_status(
    status: object, health: object, started: object, pid: object, restarts: object
) -> ProcessStatus:
    """One container: up only when its health check, if it has one, says so."""
    state = _STATES.get(str(status), ProcessState.DOWN)
    if state is ProcessState.UP:
        state = _HEALTH.get(str(health), state)
    return ProcessStatus(
        state=state,
        started_at=_seconds(started) if state is ProcessState.UP else None,
        pids=(pid,) if isinstance(pid, int) and pid > 0 else (),
        restarts=restarts if isinstance(restarts, int) else 0,
    )


def _seconds(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:
        return None
