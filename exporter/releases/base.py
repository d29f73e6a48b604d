"""What a source of releases says: what serves now, since when, and whether something is being deployed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

LONGEST = 200  # characters of a version, as the receiver takes them


class SourceError(Exception):
    """It could not be read; the text says why and holds no secret."""


@dataclass(frozen=True, slots=True)
class Release:
    """One that serves. `phase` is of its launch watch, 0 when that is over."""

    service: str
    target: str
    version: str
    commit: str
    began: float
    phase: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All that serve, and for each service of which that is known, whether a deploy is under way."""

    releases: tuple[Release, ...] = ()
    deploying: Mapping[str, bool] = field(default_factory=dict)


class Source(Protocol):
    async def read(self) -> Seen:
        """As it is now; may take its time. Raises SourceError."""
        ...
