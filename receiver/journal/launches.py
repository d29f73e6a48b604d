"""What a journal promises of launch watches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from receiver.decide.release import Release
from receiver.decide.watching import Launch
from receiver.journal.mail import Letter


@dataclass(frozen=True, slots=True)
class Step:
    """What a watch is after something happened in it, the audit rows that say so, and the letters that tell of it.

    Its release is written, too; a checkpoint that `launch` has and the watch had not is a new one.
    """

    launch: Launch
    rows: tuple[tuple[str, Mapping[str, object]], ...] = ()
    letters: tuple[Letter, ...] = ()


Turn = Callable[[Launch, Sequence[Release]], Step | None]


class Launches(Protocol):
    """The part of a Journal that knows launch watches. Times are unix seconds of the caller's clock."""

    async def advance(self, release: int, turn: Turn, now: float) -> Launch | None:
        """Asks `turn` about the watch with all its checkpoints and about the target's ledger, and writes what follows in
        one transaction, so that of two who saw the same thing due one finds it done. None when nothing follows."""

    async def watches(self) -> tuple[Launch, ...]:
        """Those that have not ended, and of what serves and is not watched yet; each with its last checkpoint only."""

    async def launches(self, target: str | None = None) -> tuple[Launch, ...]:
        """Of every release of one target or of all, in the order of the ledger; each with its last checkpoint only."""

    async def launch(self, release: int) -> Launch | None:
        """The watch of one release, whole; None when the ledger does not have it."""
