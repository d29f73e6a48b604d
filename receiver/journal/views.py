"""What a journal promises to people who look: answers that cost what is shown, however much there is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from receiver.decide.incident import Incident


@dataclass(frozen=True, slots=True)
class Standing:
    """What is counted of an incident."""

    severity: str
    symptom: str  # of its labels; empty without one
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """Incidents that are open or ended after `since`; `taken`: without those that wait for somebody."""

    since: float
    taken: bool = False
    before: int | None = None  # a number
    limit: int = 1000


class Views(Protocol):
    """The part of a Journal that a page asks each time somebody looks."""

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        """The newest first."""

    async def recent(self, asked: Recent) -> tuple[Incident, ...]:
        """The newest first."""

    async def standing(self) -> tuple[Standing, ...]:
        """Of all that are open, however many."""

    async def latest(self) -> int:
        """The number of the last audit row: another one means that something has happened."""
