"""Keeps Alertmanager quiet about exactly the alerts that are being repaired, for as long as that takes.

Nothing here may hold a repair up or fail it: the silence is made beside the effect and not before it, and what cannot be
silenced is repaired aloud.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from prunella.logs import create_logger
from receiver.decide.incident import Incident
from receiver.decide.plan import Rung
from receiver.decide.silence import MOST_ALERTS, lasts, narrow
from receiver.journal import JournalUnavailable
from receiver.stages.context import Context, playbook_of
from receiver.tools import Alertmanager, OutsideError, Silencer

log = create_logger("prunella.receiver.silence")
PATIENCE = 3.0


@asynccontextmanager
async def hushed(incident: Incident, rung: Rung, context: Context) -> AsyncIterator[None]:
    """While the effect goes on, a silence is made; it is there, or given up, when the block has ended."""
    silencer, alertmanager = context.tools.silencer, context.tools.alertmanager
    if silencer is None or alertmanager is None or incident.progress.target > 0:
        yield  # the rung's first target has brought the silence for all of them
        return
    making = asyncio.create_task(_hush(incident, rung, context, silencer, alertmanager))
    try:
        yield
        await making
    finally:
        making.cancel()


async def unhush(incident: Incident, context: Context) -> None:
    """After the verdict. One that cannot be taken away ends by itself."""
    if context.tools.silencer is None:
        return
    try:
        async with asyncio.timeout(PATIENCE):
            await context.tools.silencer.unsilence(_about(incident, context))
    except (OutsideError, TimeoutError) as error:
        log.warning("a silence is left to end by itself", incident=incident.id, error=_why(error))


async def _hush(
    incident: Incident,
    rung: Rung,
    context: Context,
    silencer: Silencer,
    alertmanager: Alertmanager,
) -> None:
    verify = playbook_of(incident).verify
    seconds = lasts(rung.timeout, len(rung.on or incident.targets), verify.settle, verify.within)
    try:
        async with asyncio.timeout(PATIENCE):
            alerts = [one for one in await context.journal.alerts(incident.id) if one.open]
            if 0 < len(alerts) <= MOST_ALERTS:
                each = await _narrowed([one.labels for one in alerts], alertmanager)
                await silencer.silence(each, seconds, _about(incident, context))
    except (OutsideError, TimeoutError, JournalUnavailable) as error:
        log.warning("repairing without a silence", incident=incident.id, error=_why(error))


async def _narrowed(
    ours: Sequence[Mapping[str, str]], alertmanager: Alertmanager
) -> list[tuple[tuple[str, str], ...]]:
    """Raises OutsideError, too, when not every Alertmanager shows what a silence would hold for."""
    others = [alert.labels for alert in await alertmanager.alerts() if alert.labels not in ours]
    # the incident's alerts are silenced one by one, so for each the rest of them are others
    each = [narrow(labels, [*others, *ours]) for labels in ours]
    if not all(each):
        raise OutsideError("no silence would hold for these alerts only", sent=False)
    return each


def _about(incident: Incident, context: Context) -> str:
    """The same words when it is begun and when it is ended, by whichever receiver."""
    return f"incident {incident.id} of journal {context.journal.name}"


def _why(error: Exception) -> str:
    return str(error) or f"not done within {PATIENCE:g} s"
