"""What a journal promises to people who look: answers that cost what is shown, however much there is."""

from __future__ import annotations

from typing import Protocol

from receiver.decide.incident import Incident


class Views(Protocol):
    """The part of a Journal that a page asks each time somebody looks."""

    async def open_incidents(self, limit: int) -> tuple[Incident, ...]:
        """The newest first."""

    async def latest(self) -> int:
        """The number of the last audit row: another one means that something has happened."""
