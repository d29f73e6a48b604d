"""Which version should serve on a target, by the ledger: what a check of the running one is held against."""

from __future__ import annotations

from receiver.decide.release import current, in_flight
from receiver.stages.context import Context
from receiver.tools import Due


async def due_on(context: Context, target: str) -> Due:
    """What went live last, by a deploy or a rollback, and what is on its way."""
    releases = await context.journal.releases(target)
    past = await context.journal.rollbacks(target)
    serving, flying = current(releases), in_flight(releases, context.now())
    coming = None if flying is None else flying.version
    if past and past[-1].under_way:
        coming = past[-1].to
    return Due(None if serving is None else serving.version, coming)
