"""Who knows which processes belong to an entry: a process manager, or a look at the command lines."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

from pydantic import Field

from exporter.proc.processes import Table
from prunella.service.settings import Settings, Size


class SourceError(Exception):
    """The manager could not be asked; the text names it and holds nothing of what it said."""


# What reading an answer raises that is not built as expected.
ODD = (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, RecursionError)
MOST = 2**63  # bytes, seconds or restarts: what is beyond is no figure
_PIDS = 2**31


def _checked(*figures: float | None) -> None:
    """Raises ValueError, for NaN and the infinite as well; TypeError for what is no number."""
    if not all(one is None or -MOST <= one <= MOST for one in figures):
        raise ValueError("a figure that cannot be")


def _is_process(pid: object) -> bool:
    return isinstance(pid, int) and 0 < pid < _PIDS


@dataclass(frozen=True, slots=True)
class Figures:
    """What a source says of processes that are not in our own /proc."""

    resident: int | None = None
    cpu: float | None = None
    started: float | None = None

    def __post_init__(self) -> None:
        _checked(self.resident, self.cpu, self.started)


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one entry: `roots` are the processes themselves, without what they started.

    Managers may say anything, so nothing is made of what can be no process or figure: ValueError or TypeError.
    """

    up: bool
    roots: tuple[int, ...] = ()
    family: bool = True  # what the roots started belongs to them
    starts: tuple[float, ...] = ()  # when each instance was started, if the source says so
    restarts: int | None = None  # counted by the source itself
    memory_limit: int | None = None
    split: int = 0  # shown by their commands, too, at most so many
    figures: Figures | None = None  # for processes that only the source can see

    def __post_init__(self) -> None:
        if not all(map(_is_process, self.roots)):
            raise ValueError("a process that cannot be")
        _checked(*self.starts, self.restarts, self.memory_limit)


DOWN = Reading(up=False)


class Machine(Protocol):
    """The processes of this machine, read once for all sources of a scrape."""

    @property
    def processes(self) -> Table: ...

    @property
    def command_lines(self) -> Mapping[int, str]: ...

    def within(self, pid: int, group: str) -> bool:
        """Whether that is the name of a control group which the process is in: who it is, by its container's id."""
        ...


class Entry(Settings):
    """One element of `processes:`. Entries with equal `source` are read in one go."""

    name: str = Field(min_length=1, max_length=200)
    manager: str
    service: str = ""
    memory_limit: Size | None = None

    def source(self) -> Hashable:
        raise NotImplementedError

    @classmethod
    async def read(cls, entries: Sequence[Self], machine: Machine) -> Mapping[str, Reading]:
        """One reading for each entry, by name. Raises SourceError when the manager cannot be asked."""
        raise NotImplementedError


def absolute(path: Path) -> Path:
    return path.expanduser().absolute()
