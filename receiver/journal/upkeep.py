"""What a journal does for those who keep it, and what it does by itself in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from receiver.decide.guards import Freeze
from receiver.decide.plan import Draft


class Upkeep(Protocol):
    """The part of a Journal that no alert asks for. Times are unix seconds of the caller's clock."""

    async def frozen(self) -> tuple[Freeze, ...]:
        """Every frozen scope, also one whose time is over and that nobody has thawed yet."""

    async def thaw(self, now: float) -> tuple[str, ...]:
        """Ends the freezes whose time is over, each exactly once over all receivers; returns their scopes."""

    async def unheard(self, since: float) -> tuple[int, ...]:
        """Open incidents of which no open alert was heard of after `since`."""

    async def tick(self, name: str, at: float) -> bool:
        """Whether this moment of what happens again and again is ours: it is given once, over all receivers."""

    async def open_scheduled(
        self, drafts: Sequence[Draft], schedule: str, at: float, now: float
    ) -> tuple[int, ...] | None:
        """The incidents of one moment of a schedule; None when it was taken already, by whichever receiver.

        A target whose incident of an earlier moment has not come to its end gets none, and that is in the audit.
        """

    async def prune(self, before: float, most: int, now: float) -> int:
        """Takes away some of what is older, at most so many of a kind; about how many went, 0 when none are left.

        Goes: closed incidents with their episodes, runs and letters, alerts without an episode, what was set aside, and
        the audit rows, whose chain then begins later and says so.
        """

    async def compact(self) -> int:
        """Gives some free space back to the file system; 0 when there is none left to give."""

    async def remember(self, key: str, value: str) -> None:
        """Keeps a value under a name of ours."""

    async def recall(self, key: str) -> str | None:
        """What was kept under this name."""
