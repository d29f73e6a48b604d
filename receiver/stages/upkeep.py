"""What time alone brings about, whoever is looking: frozen scopes that thaw."""

from __future__ import annotations

from collections import Counter

from prunella.logs import create_logger
from receiver import metrics
from receiver.stages.context import Context

log = create_logger("prunella.receiver.upkeep")
KINDS = ("global", "playbook", "target")


async def thaw(context: Context) -> None:
    """Opens the scopes whose time is over, also where nobody asks for them, and shows how many are shut."""
    now = context.now()
    frozen = await context.journal.frozen()
    if any(one.until <= now for one in frozen):
        for scope in await context.journal.thaw(now):
            log.info("a frozen scope is open again", scope=scope)
    shut = Counter(one.scope.partition(":")[0] for one in frozen if one.until > now)
    for kind in (*KINDS, *(shut.keys() - set(KINDS))):
        metrics.FROZEN.labels(kind).set(shut[kind])
