"""A delivery's way into the journal: decoded, taken apart, planned, and on disk before anything is answered.

Every alert stands for itself: one that cannot be read is set aside and counted, and its neighbours live. Neither the
root status nor the group key is ever used.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from receiver import metrics
from receiver.decide.episode import Kind
from receiver.decide.plan import draft
from receiver.journal import Ingested, JournalUnavailable, Seen
from receiver.stages.context import Context
from receiver.webhook import BadDelivery, Delivery, decode

MOST_KEPT = 100  # of the spoiled alerts of one delivery; the others are only counted
OFF_THE_LOOP = 256 * 1024  # a body larger than this is decoded in a thread


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the answer says."""

    received: int
    new: int
    repeated: int
    quarantined: int


async def intake(body: bytes, source: str, context: Context) -> Receipt:
    """Stores one delivery. Raises BadDelivery when it is none, JournalUnavailable when nothing could be kept."""
    try:
        if len(body) > OFF_THE_LOOP:
            delivery, batch = await asyncio.to_thread(_prepare, body, source, context)
        else:
            delivery, batch = _prepare(body, source, context)
        done = await _store(delivery, batch, source, context)
    except BadDelivery:
        metrics.DELIVERIES.labels("refused").inc()
        raise
    except JournalUnavailable as gone:
        metrics.DELIVERIES.labels("unavailable").inc()
        context.health.failed(gone)
        raise
    if delivery.receiver:
        context.heard_as.add(delivery.receiver)
    return _receipt(delivery, batch, done)


def _prepare(body: bytes, source: str, context: Context) -> tuple[Delivery, tuple[Seen, ...]]:
    delivery = decode(body, source)
    settings = context.settings()
    targets = tuple(settings.targets.values())
    batch = tuple(
        Seen(seen, draft(seen, settings.playbooks, targets)) for seen in delivery.observations
    )
    return delivery, batch


async def _store(
    delivery: Delivery, batch: tuple[Seen, ...], source: str, context: Context
) -> Ingested:
    now = context.now()
    kept = delivery.spoiled[:MOST_KEPT]
    await asyncio.gather(
        *(context.journal.quarantine(source, one.why, one.text, now) for one in kept)
    )
    return await context.journal.ingest(batch, now) if batch else Ingested(())


def _receipt(delivery: Delivery, batch: tuple[Seen, ...], done: Ingested) -> Receipt:
    for seen, kind in zip(batch, done.kinds, strict=True):
        metrics.ALERTS.labels(str(seen.observation.status), str(kind)).inc()
    if delivery.spoiled:
        metrics.ALERTS.labels("unknown", "quarantined").inc(len(delivery.spoiled))
    metrics.DELIVERIES.labels("accepted").inc()
    new = sum(1 for kind in done.kinds if kind is Kind.NEW)
    return Receipt(
        received=len(batch) + len(delivery.spoiled),
        new=new,
        repeated=len(batch) - new,
        quarantined=len(delivery.spoiled),
    )
