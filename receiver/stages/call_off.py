"""The alert ends while an action is at work on it: one that may be stopped half-way is called off.

It ends where it asks whether it may go on, right before its next batch: no program is killed for it, no connection cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from receiver.actions.base import Action
from receiver.decide.incident import Incident
from receiver.journal import JournalUnavailable
from receiver.stages.context import Context
from receiver.tools import CalledOff

LOOK_EVERY = 1.0
ENDED = "the alert has ended"


@dataclass(slots=True)
class CallOff:
    """Of one run: `over` is what the journal knew of its incident's alerts a moment ago; `heard` whether it was told so."""

    over: bool = False
    heard: bool = False

    def ask(self) -> None:
        """Raises CalledOff."""
        if self.over:
            self.heard = True
            raise CalledOff(ENDED)


@asynccontextmanager
async def called_off(
    action: Action, incident: Incident, context: Context
) -> AsyncIterator[CallOff]:
    """While the action goes on, the journal is asked once a second. What no alert asked for, no alert's end calls off."""
    call_off = CallOff()
    if not action.cancel_safe or incident.unprompted:
        yield call_off
        return
    looking = asyncio.create_task(_look(call_off, incident, context))
    try:
        yield call_off
    finally:
        looking.cancel()


async def _look(call_off: CallOff, incident: Incident, context: Context) -> None:
    while True:
        await context.tools.clock.sleep(LOOK_EVERY)
        try:
            alerts = await context.journal.alerts(incident.id)
        except JournalUnavailable:  # what is not known calls nothing off
            call_off.over = False
        else:  # what was not heard of for long is open all the same
            call_off.over = bool(alerts) and not any(alert.open for alert in alerts)
