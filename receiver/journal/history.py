"""What a journal promises to people who look back: any page of what was, at the cost of that page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from receiver.decide.incident import Incident
from receiver.decide.track_record import PastRun


@dataclass(frozen=True, slots=True)
class Search:
    """Which incidents; what is not said does not matter. `text` is looked for in titles, `before` is a number, and
    what is `waiting` is open and nobody has it."""

    state: str | None = None
    playbook: str | None = None
    target: str | None = None
    severity: str | None = None
    text: str | None = None
    since: float | None = None  # when they opened
    until: float | None = None
    before: int | None = None
    limit: int = 50
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class AuditRow:
    """A row of the audit; `data` is its JSON."""

    seq: int
    t: float
    ev: str
    incident: int | None
    data: str
    hash: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was followed of the chain: up to `seq`, whose hash is `hash`; `bad` is the first row that does not follow."""

    seq: int
    hash: str
    rows: int
    highest: int  # the last row ever written
    bad: int | None = None
    why: str = ""


class History(Protocol):
    """The part of a Journal that looks back."""

    async def search(self, search: Search) -> tuple[Incident, ...]:
        """The newest first."""

    async def target_runs(self, target: str, limit: int) -> tuple[PastRun, ...]:
        """What was done to a target, the newest first; what is under way has no result."""

    async def audit(self, before: int | None, limit: int) -> tuple[AuditRow, ...]:
        """Rows of the audit, the newest first."""

    async def follow(self, seq: int, digest: str, most: int) -> Stretch:
        """Follows the chain from behind a row that was followed before, at most so many rows; from its beginning when
        that row is not there any more."""
