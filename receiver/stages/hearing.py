"""The last question before an effect: does Alertmanager say something else by now?

A delivery says what was so when it was sent, and the last look may be as old as `reconcile`: a silence that was made a
second ago has to hold (I9). Only what would really be done is asked about, so a storm costs nothing here.
"""

from __future__ import annotations

import asyncio

from receiver.decide.drift import Held, compare
from receiver.decide.incident import Incident
from receiver.stages.context import Context
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError

PATIENCE = 2.0


async def hear(incident: Incident, context: Context) -> None:
    """Writes down how the incident's alerts are muted. Who does not answer in time is not waited for: what was
    received lately enough counts without him."""
    active, _ = await active_alerts(context, PATIENCE)
    if not active:
        return
    of_it = {alert.fingerprint for alert in await context.journal.alerts(incident.id) if alert.open}
    ours = await context.journal.open_alerts()
    held = [Held(one.alert, one.fingerprint) for one in ours if one.fingerprint in of_it]
    now = context.now()
    present = compare(held, active, (), {}, now, complete=False).present
    if present:
        await context.journal.confirm(present, now)


async def active_alerts(context: Context, patience: float) -> tuple[tuple[ActiveAlert, ...], bool]:
    """What Alertmanager says in so many seconds, and whether that is all of it."""
    if context.tools.alertmanager is None:
        return (), True
    try:
        async with asyncio.timeout(patience):
            return await context.tools.alertmanager.alerts(), True
    except PartialAnswerError as partial:
        return partial.seen, False
    except (OutsideError, TimeoutError):
        return (), False
