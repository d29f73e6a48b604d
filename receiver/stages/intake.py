"""A delivery's way into the journal: decoded, taken apart, planned, and on disk before anything is answered.

Every alert stands for itself: one that cannot be read or cannot be true is set aside and counted, and its neighbours
live. Neither the root status nor the group key is ever used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import cache
from typing import TypeVar

from msgspec import Struct

from prunella.logs import create_logger
from receiver import metrics
from receiver.decide.episode import Kind
from receiver.journal import Ingested, JournalUnavailable, Seen
from receiver.stages.context import Context
from receiver.stages.opening import reception
from receiver.webhook import BadDelivery, Delivery, decode, decode_large

T = TypeVar("T")
log = create_logger("prunella.receiver.intake")
MOST_KEPT = 100  # of the spoiled alerts of one delivery; the others are only counted
LARGE = 64 * 1024  # a body of more bytes is read in pieces
# what labels() would look for with each delivery; there are as many as the words of an enumeration
_accepted = metrics.DELIVERIES.labels("accepted")
_alerts = cache(lambda status, kind: metrics.ALERTS.labels(str(status), str(kind)))
_refusals = cache(metrics.REFUSALS.labels)
SLICE = 250  # alerts of one delivery that are written at once; others' deliveries come between two


class Receipt(Struct, frozen=True, gc=False):
    """What the answer says, and whether there is something to do or to send now."""

    received: int
    new: int
    repeated: int
    quarantined: int
    stirs: bool = True


async def intake(body: bytes, source: str, context: Context) -> Receipt:
    """Stores one delivery. Raises BadDelivery when it is none, JournalUnavailable when not all of it could be kept."""
    try:
        delivery = await _read(body, source, context.now())
        done = await _store(delivery, source, context)
    except BadDelivery:
        metrics.DELIVERIES.labels("refused").inc()
        raise
    except JournalUnavailable as gone:
        metrics.DELIVERIES.labels("unavailable").inc()
        context.health.failed(gone)
        raise
    if delivery.receiver:
        context.heard_as.add(delivery.receiver)
    if delivery.external_url:
        context.heard_from.external_url = delivery.external_url
    if delivery.truncated > 0:
        metrics.TRUNCATED.inc()
        log.warning("Alertmanager left alerts out (max_alerts)", count=delivery.truncated)
        context.cut_short.set()
    _count(delivery, done)
    return _receipt(delivery, done)


async def _read(body: bytes, source: str, now: float) -> Delivery:
    return await decode_large(body, source, now) if len(body) > LARGE else decode(body, source, now)


async def _store(delivery: Delivery, source: str, context: Context) -> list[Ingested]:
    kept, met = delivery.spoiled[:MOST_KEPT], reception(context)
    if kept:
        now = context.now()
        await asyncio.gather(
            *(context.journal.quarantine(source, one.why, one.text, now) for one in kept)
        )
    planner, alerts = context.settings().planner, delivery.observations
    return [
        await context.journal.ingest(
            [Seen(seen, planner.draft(seen)) for seen in alerts[start : start + SLICE]],
            context.now(),
            met,
        )
        for start in range(0, len(alerts), SLICE)
    ]


def _count(delivery: Delivery, done: list[Ingested]) -> None:
    _accepted.inc()
    kinds = [kind for one in done for kind in one.kinds]
    statuses = [seen.status for seen in delivery.observations]
    for said, count in _tally(zip(statuses, kinds, strict=True)).items():
        _alerts(*said).inc(count)
    if delivery.spoiled:
        metrics.ALERTS.labels("unknown", "quarantined").inc(len(delivery.spoiled))
        log.warning("alerts set aside", count=len(delivery.spoiled), first=delivery.spoiled[0].why)
    opened = [incident for one in done for incident in one.opened]
    if opened:
        log.info(
            "incidents opened", count=len(opened), first=opened[0], refused=_count_refused(done)
        )


def _count_refused(done: list[Ingested]) -> dict[str, int]:
    events = [event for one in done for move in one.moves for event in move.events]
    refused = _tally([str(event.data["reason"]) for event in events if event.ev == "refused"])
    for reason, count in refused.items():
        _refusals(reason).inc(count)
    return refused


def _tally(said: Iterable[T]) -> dict[T, int]:
    """How often each; a Counter takes longer to be made than most deliveries have alerts to count."""
    counted: dict[T, int] = {}
    for one in said:
        counted[one] = counted.get(one, 0) + 1
    return counted


def _receipt(delivery: Delivery, done: list[Ingested]) -> Receipt:
    new, alerts = sum(one.kinds.count(Kind.NEW) for one in done), len(delivery.observations)
    return Receipt(
        received=alerts + len(delivery.spoiled),
        new=new,
        repeated=alerts - new,
        quarantined=len(delivery.spoiled),
        stirs=any(one.due or one.mailed for one in done),
    )
