"""What every process manager answers, so that `restart` need not know which one it talks to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from prunella.service.settings import Settings
from receiver.tools import Tools


class ProcessState(StrEnum):
    """`starting` covers every state on the way up or between two starts."""

    UP = "up"
    STARTING = "starting"
    DOWN = "down"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One look at a process: `started_at` is unix seconds or None when it is not up; with several instances, the
    oldest start, so that one which was not restarted shows."""

    state: ProcessState
    started_at: float | None = None
    pids: tuple[int, ...] = ()
    restarts: int = 0


class ManagerError(Exception):
    """The manager refused or could not be reached; `started` is False when it surely changed nothing."""

    def __init__(self, message: str, *, started: bool = True) -> None:
        super().__init__(message)
        self.started = started


class Manager(Settings):
    """A process facet: its fields are the config keys beside `manager:`."""

    executable: ClassVar[str | None] = None  # the name under `executables:` that it needs, if any
    poll: ClassVar[float] = 0.5  # how often it may be asked while somebody waits, in seconds

    async def status(self, tools: Tools) -> ProcessStatus:
        """How the process is now. Raises ManagerError when the manager cannot be asked."""
        raise NotImplementedError

    async def restart(self, tools: Tools) -> None:
        """Asks for one restart and returns when the manager has taken it. Raises ManagerError."""
        raise NotImplementedError
