"""What a queue system is to the exporter: where its queues are, and what they say of themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import Field

from prunella.service.clock import Clock
from prunella.service.rules import Rule
from prunella.service.settings import Secret, Settings


class State(StrEnum):
    WAITING = "waiting"
    PRIORITIZED = "prioritized"
    DELAYED = "delayed"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    WAITING_CHILDREN = "waiting_children"


class SourceError(Exception):
    """The queues could not be read; the text says why and holds no secret."""


@dataclass(frozen=True, slots=True)
class Recent:
    """How jobs ended of late: within the last hour, or as far back as the system remembers."""

    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Figures:
    """One queue; what its system does not know is left out or None, never 0."""

    queue: str
    jobs: Mapping[State, int]
    ages: Mapping[State, float]  # seconds; 0 where a state has no job
    paused: bool | None = None
    workers: int | None = None
    stalled: int | None = None
    completed: int | None = None  # counters of the system itself
    failed: int | None = None
    recent: Recent | None = None

    @property
    def lag(self) -> int:
        return self.jobs.get(State.WAITING, 0) + self.jobs.get(State.PRIORITIZED, 0)


class Source(Protocol):
    """One entry's way to its queues."""

    async def discover(self) -> Collection[str]:
        """The names of the queues that are there; may take its time. Raises SourceError."""
        ...

    async def read(self, queues: Sequence[str], until: float) -> Sequence[Figures]:
        """The figures of these queues, by `until` on the loop's clock. Raises SourceError, TimeoutError."""
        ...

    async def close(self) -> None: ...


class Levels(Settings):
    """Where something warns, and where it calls."""

    warning: float
    critical: float

    @Rule
    def _in_order(self) -> Iterator[str]:
        if self.warning > self.critical:
            yield "warning is above critical"


class Lag(Levels):
    """Waiting jobs at which QueueBacklog warns and calls."""

    warning: Annotated[int, Field(ge=1)] = 50
    critical: Annotated[int, Field(ge=1)] = 100


QueueName = Annotated[str, Field(min_length=1, max_length=200)]


class QueueEntry(Settings):
    """What every entry has; each system's own model adds where its jobs are."""

    system: str
    url: Secret
    queues: Literal["auto"] | Annotated[tuple[QueueName, ...], Field(min_length=1)] = "auto"
    service: str = ""
    lag: Lag | None = None

    @property
    def name(self) -> str:
        """By what two entries must differ: read twice, a queue would be counted twice."""
        at = urlsplit(self.url.get_secret_value())
        which = "auto" if self.queues == "auto" else ", ".join(self.queues)
        return f"{self.system} {self.place()}{which} at {at.hostname}:{at.port}{at.path}"

    def place(self) -> str:
        """Where its keys are within the server, if that can be said."""
        return ""

    def source(self, clock: Clock) -> Source:
        """How its queues are read."""
        raise NotImplementedError


def seconds_since(milliseconds: float, now: float) -> float:
    """An age is never below 0: clocks of several machines differ."""
    return max(0.0, now - milliseconds / 1000)
