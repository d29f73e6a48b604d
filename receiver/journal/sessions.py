"""What a journal promises of sessions: a restart keeps them, every receiver knows them, and each can be ended.

A journal holds nothing that opens one: of what a browser keeps there is only a digest, and of the token that made it only
what can be held against a token by whoever brings both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

MOST = 1000


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has shown a token; times in unix seconds."""

    digest: str  # of the secret that the browser keeps
    mark: str  # of the token, by that secret
    began: float
    seen: float


class Sessions(Protocol):
    """The part of a Journal that knows who is there."""

    async def begin_session(self, session: Session, began: float, seen: float) -> None:
        """Keeps it. Those that began or were seen last before these moments go, and the oldest beyond MOST."""

    async def session(self, digest: str) -> Session | None:
        """As it was kept, however old."""

    async def see_session(self, digest: str, now: float) -> None:
        """Its browser has been here. Need not outlive a power cut."""

    async def end_session(self, digest: str) -> None:
        """It opens nothing any more."""
