"""What a journal promises of trust: what was granted to playbooks and rungs, and what they have shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from receiver.decide.track_record import PastRun, Refusals, Withheld
from receiver.decide.trust import Grant, Tally
from receiver.journal.mail import Letter


@dataclass(frozen=True, slots=True)
class Regrant:
    """A new grant in place of what was, its audit row, and the letters that tell of it."""

    grant: Grant
    row: tuple[str, Mapping[str, object]]
    letters: tuple[Letter, ...] = ()


Weighing = Callable[[tuple[Grant, ...]], Regrant | None]


class Trust(Protocol):
    """The part of a Journal that knows whom to trust. Times are unix seconds of the caller's clock."""

    async def grants(self, playbook: str | None = None) -> tuple[Grant, ...]:
        """Of one playbook and its rungs, or of all."""

    async def regrant(self, playbook: str, weighing: Weighing, now: float) -> Grant | None:
        """Asks `weighing` about the playbook's grants and writes what follows in one transaction, so that two who see the
        same change it once. None when nothing follows; raises what `weighing` raises."""

    async def tallies(
        self, since: float, recurrence: float, *, fresh: bool = False
    ) -> tuple[Tally, ...]:
        """What became of the runs since then, by playbook and rung; `fresh` leaves out those before a rung's grant."""

    async def refusals(self, since: float) -> tuple[Refusals, ...]:
        """How often which rung was refused for which reason, by whole days (UTC)."""

    async def past_runs(self, playbook: str, limit: int) -> tuple[PastRun, ...]:
        """The newest first."""

    async def withheld(self, playbook: str, since: float, limit: int) -> tuple[Withheld, ...]:
        """What shadow mode would have done, the newest first."""

    async def human_times(self, since: float) -> Mapping[str, Sequence[float]]:
        """By playbook, how long the incidents took that humans ended, of the newest few thousand."""
