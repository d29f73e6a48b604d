"""What an action wants to have done later: an incident of its own that waits in the journal, whoever is alive by then."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from receiver.decide.by_hand import Wish, manual_draft, proof
from receiver.journal import JournalUnavailable, Run
from receiver.stages.context import Context
from receiver.tools import OutsideError


@dataclass(frozen=True, slots=True)
class Afterwards:
    """Of one run, on its own target."""

    run: Run
    context: Context

    async def open(self, seconds: float, action: str, options: Mapping[str, JsonValue]) -> None:
        """Opens it. Raises OutsideError(sent=False)."""
        context, settings = self.context, self.context.settings()
        by, target = f"incident {self.run.incident}", settings.targets[self.run.target]
        shown = proof(target, facets=target.facets, playbooks=settings.playbooks)
        wish = Wish(target.name, action, options, by, secrets.token_hex(8), after=seconds)
        try:
            await context.journal.open_by_hand(manual_draft(wish, shown), by, context.now())
        except JournalUnavailable as error:
            raise OutsideError(f"the journal cannot remember it: {error}", sent=False) from error
