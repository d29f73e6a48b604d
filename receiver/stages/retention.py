"""What is older than `retention` goes, once an hour, by one of the receivers that share the journal.

In small batches with pauses between them: whatever comes in meanwhile waits for one batch at most.
"""

from __future__ import annotations

from prunella.logs import create_logger
from receiver.stages.context import Context

log = create_logger("prunella.receiver.retention")
HOUR = 3600.0
BATCH = 300
PAUSE = 0.05


async def retain(context: Context) -> int:
    """Takes away what is too old, if this hour is ours; how many rows went."""
    now = context.now()
    if not await context.journal.tick("retention", now // HOUR * HOUR):
        return 0
    settings = context.settings()
    before = now - max(settings.retention, *settings.remembered)
    clock, total = context.tools.clock, 0
    while gone := await context.journal.prune(before, BATCH, context.now()):
        total += gone
        await clock.sleep(PAUSE)
    while await context.journal.compact():
        await clock.sleep(PAUSE)
    if total:
        log.info("old rows were taken away", rows=total, older_than=before)
    return total
