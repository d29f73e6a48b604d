"""The audit chain, followed all the time: a few rows at a time, from its beginning once a day, and then what is new.
Where it is broken that row is looked at again once a day instead, so that the alert does not end while it is.

A long chain takes minutes to follow, which nobody who asks shall wait for; so what was found is kept, and a row that was
changed is found by us and not only by whoever thinks of `prunella journal verify`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

from prunella.logs import create_logger
from receiver import metrics
from receiver.journal.chain import GENESIS
from receiver.stages.context import Context

log = create_logger("prunella.receiver.chain")
KEY = "chain walk"
AT_ONCE = 2000  # rows of one look
AGAIN = 86400.0  # from the beginning


@dataclass(frozen=True, slots=True)
class ChainWalk:
    """How far it was followed: up to `seq`, at `at`, since it was begun at `begun`. `whole_at` is when the end was last
    reached from the beginning; `bad` is the first row that does not follow."""

    begun: float
    seq: int = 0
    hash: str = GENESIS
    rows: int = 0
    at: float = 0.0
    whole_at: float | None = None
    bad: int | None = None
    why: str = ""


async def last_walk(context: Context) -> ChainWalk | None:
    """What was found so far; None before the first look."""
    kept = await context.journal.recall(KEY)
    return None if kept is None else ChainWalk(**json.loads(kept))


async def walk_on(context: Context) -> None:
    """A few rows more."""
    now = context.now()
    walk = await last_walk(context)
    if walk is None:
        walk = ChainWalk(begun=now)
    elif walk.bad is not None and now - walk.at < AGAIN:
        metrics.CHAIN_OK.set(0)  # also of a process that has not seen it itself
        return
    elif walk.bad is None and now - walk.begun >= AGAIN:
        walk = ChainWalk(begun=now, whole_at=walk.whole_at)
    seen = await context.journal.follow(walk.seq, walk.hash, AT_ONCE)
    metrics.CHAIN_OK.set(seen.bad is None)
    if not seen.rows and walk.whole_at is not None and seen.bad is None:
        return
    after = replace(
        walk,
        seq=seen.seq,
        hash=seen.hash,
        rows=walk.rows + seen.rows,
        at=now,
        whole_at=now if seen.bad is None and seen.seq >= seen.highest else walk.whole_at,
        bad=seen.bad,
        why=seen.why,
    )
    if after.bad is not None:
        log.error("the journal's chain is broken", row=after.bad, why=after.why)
    await context.journal.remember(KEY, json.dumps(asdict(after)))
