"""What is done at its time although nothing is broken: every moment once, whoever looks, and made up for once if missed.

A moment becomes an incident, and goes the way of all others; what is remembered here is only when somebody looked last.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from prunella.logs import create_logger
from receiver import metrics
from receiver.decide.by_hand import proof
from receiver.decide.reason import Reason
from receiver.decide.schedule import Schedule, due, moments, scheduled_draft
from receiver.journal import NEVER, Event
from receiver.stages.context import Context

log = create_logger("prunella.receiver.schedules")


@dataclass(frozen=True, slots=True)
class _Look:
    """Up to when it was looked, the moment that was taken last (0 for none), and the next one."""

    until: float
    taken: float
    next: float


class Scheduler:
    """Looks what is due. Who was away learns from the journal since when."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._looks: dict[str, _Look] = {}  # by rhythm: another one begins anew
        self._shown: set[str] = set()
        self._looking = False

    async def once(self) -> int:
        """Opens what is due; how many incidents."""
        schedules = self._context.settings().schedules
        for gone in self._shown - {one.name for one in schedules}:
            metrics.SCHEDULE_LAST.remove(gone)
            metrics.SCHEDULE_NEXT.remove(gone)
        self._shown = {one.name for one in schedules}
        opened = sum([await self._look(one) for one in schedules])
        rhythms = {one.rhythm for one in schedules}
        self._looks = {rhythm: look for rhythm, look in self._looks.items() if rhythm in rhythms}
        self._looking = True
        return opened

    async def _look(self, schedule: Schedule) -> int:
        now, opened = self._context.now(), 0
        before = self._looks.get(schedule.rhythm) or await self._remembered(schedule, now)
        if before.until <= now < before.next:
            self._looks[schedule.rhythm] = replace(before, until=now)
            return 0
        # of a time that a clock showed by mistake nothing is left but the moments that were taken
        found = due(schedule, min(before.until, now), now)
        if found.missed is not None:
            await self._too_late(schedule, found.missed)
        if found.at is not None:
            opened = await self._open(schedule, found.at)
        taken = before.taken if found.at is None else found.at
        after = _Look(now, taken, next(moments(schedule, now), NEVER))
        self._looks[schedule.rhythm] = after
        metrics.SCHEDULE_LAST.labels(schedule.name).set(after.taken)
        metrics.SCHEDULE_NEXT.labels(schedule.name).set(after.next)
        return opened

    async def _remembered(self, schedule: Schedule, now: float) -> _Look:
        """Where whoever looked last left off; one that is new, or came with a reload, begins now."""
        key = f"schedule:{schedule.rhythm}"
        known = await self._context.journal.recall(key)
        until, taken = (now, 0.0) if known is None else json.loads(known)
        if known is None or self._looking:
            until = now
            await self._context.journal.remember(key, json.dumps([now, taken]))
        return _Look(until, taken, 0.0)

    async def _open(self, schedule: Schedule, at: float) -> int:
        context, settings = self._context, self._context.settings()
        drafts = [
            scheduled_draft(
                schedule,
                name,
                at,
                proof(target, facets=target.facets, playbooks=settings.playbooks),
            )
            for name in schedule.on
            if (target := settings.targets.get(name)) is not None  # a reload may come between
        ]
        numbers = await context.journal.open_scheduled(drafts, schedule.name, at, context.now())
        await context.journal.remember(f"schedule:{schedule.rhythm}", json.dumps([at, at]))
        if numbers is None:
            return 0
        if left := len(drafts) - len(numbers):
            metrics.REFUSALS.labels(str(Reason.OVERLAPPING)).inc(left)
            log.warning("a schedule's last run has not ended", schedule=schedule.name, targets=left)
        log.info("a schedule is due", schedule=schedule.name, tick=at, incidents=list(numbers))
        return len(numbers)

    async def _too_late(self, schedule: Schedule, at: float) -> None:
        context, reason = self._context, str(Reason.TOO_LATE)
        if not await context.journal.tick(f"schedule:{schedule.name}", at):
            return
        data = {"schedule": schedule.name, "tick": at, "target": "", "reason": reason}
        await context.journal.record([Event("skipped", data)], (), context.now())
        metrics.REFUSALS.labels(reason).inc()
        log.warning("nobody was there when a schedule was due", schedule=schedule.name, tick=at)
