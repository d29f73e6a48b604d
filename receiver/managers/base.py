"""What every process manager answers, so that `restart` need not know which one it talks to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import field_validator

from prunella.service.settings import Settings
from receiver.tools import Tools

# what a program can catch and use as a hook; none of them ends a process that handles it
GcSignal = Literal["SIGUSR1", "SIGUSR2", "SIGHUP", "SIGWINCH", "SIGPROF"]
Verb = Literal["restart", "reload", "scale", "signal"]  # what an action may ask of a manager


class ProcessState(StrEnum):
    """`starting` covers every state on the way up or between two starts."""

    UP = "up"
    STARTING = "starting"
    DOWN = "down"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One look at a process: `started_at` is unix seconds of its last start, None where that is not known or it is
    down; with several instances, the oldest start, so that one which was not restarted shows. `restarts` is 0 where the
    manager does not count."""

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

    shows_starting: ClassVar[bool] = True  # whether what is on its way up is told from what is down
    verbs: ClassVar[frozenset[Verb]] = frozenset({"restart", "reload"})
    # whether a reload without downtime puts new processes in place of the old, or the old ones read their config anew
    reload_replaces: ClassVar[bool] = False
    # whether what a reload leaves running has been started anew from the folder that the manager was told
    reload_follows: ClassVar[bool] = True
    gap: ClassVar[str] = "its manager has no reload without one"  # why a reload is a restart

    gc_signal: GcSignal | None = None  # sent by `collect_garbage` where the process understands it

    @field_validator("gc_signal")
    @classmethod
    def _can_signal(cls, value: GcSignal | None) -> GcSignal | None:
        if value is not None and "signal" not in cls.verbs:
            raise ValueError("this manager sends no signals: use `http.gc_path`")
        return value

    def objection(self, verb: Verb) -> str | None:
        """Why that can never be asked for this process, known from the config alone; None when it can."""
        return None if verb in self.verbs else f"its manager cannot {verb} a process"

    @property
    def observable(self) -> bool:
        """Whether `status` can be asked at all; what is done to the others is proven by verification only."""
        return True

    def programs(self) -> tuple[str, ...]:
        """Those that it starts, by their names under `executables:`."""
        return (self.executable,) if self.executable else ()

    async def status(self, tools: Tools) -> ProcessStatus:
        """How the process is now. Raises ManagerError when the manager cannot be asked."""
        raise NotImplementedError

    async def exists(self, tools: Tools) -> bool:
        """Whether the manager knows the process, up or not. Raises ManagerError when it cannot be asked."""
        return (await self.status(tools)).state is not ProcessState.MISSING

    async def started_from(self, tools: Tools) -> tuple[str, ...]:
        """The folders and programs from which it starts the process anew, as it keeps them, with symbolic links not
        followed; empty where that cannot be seen. Raises ManagerError."""
        return ()

    async def restart(self, tools: Tools) -> None:
        """Asks for one restart and returns when the manager has taken it. Raises ManagerError."""
        raise NotImplementedError

    async def reload(self, tools: Tools) -> None:
        """Asks for new processes in place of the old; without downtime where `zero_downtime`. Raises ManagerError."""
        await self.restart(tools)

    async def zero_downtime(self, tools: Tools) -> bool:
        """Whether `reload` keeps answering meanwhile, as the process runs now. Raises ManagerError."""
        return False

    async def instances(self, tools: Tools) -> int | None:
        """How many instances are meant to run; None where that cannot be seen. Raises ManagerError."""
        raise ManagerError("this manager runs one instance of each process", started=False)

    async def scale(self, tools: Tools, instances: int) -> None:
        """Asks for so many instances. Raises ManagerError."""
        raise ManagerError("this manager runs one instance of each process", started=False)

    async def signal(self, tools: Tools, name: str) -> None:
        """Sends a signal such as SIGUSR2 to every instance. Raises ManagerError."""
        raise ManagerError("this manager sends no signals", started=False)

    async def resident_bytes(self, tools: Tools) -> int | None:
        """The resident memory of all instances together; None where it cannot be seen."""
        return None
