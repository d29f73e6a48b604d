"""Reads what Alertmanager holds, at start and every `reconcile`, and brings ours in line with it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress

from prunella.logs import create_logger
from receiver import metrics
from receiver.decide.drift import Drift, Held, compare
from receiver.decide.episode import Kind, Observation, Status
from receiver.decide.plan import draft
from receiver.journal import OpenAlert, Seen
from receiver.stages.context import Context
from receiver.tools import ActiveAlert, Alertmanager, OutsideError, PartialAnswerError

log = create_logger("prunella.receiver.reconcile")
HEARD_AS = "heard_as"
SOON = 5.0


class Reconciler:
    """Remembers between two looks what was absent at the last one."""

    def __init__(self, context: Context, alertmanager: Alertmanager) -> None:
        self._context = context
        self._alertmanager = alertmanager
        self._absent: Mapping[str, float] = {}
        self._written: frozenset[str] = frozenset()
        self._answered = True

    async def once(self) -> Drift | None:
        """One look; None when no Alertmanager answered. Raises JournalUnavailable."""
        self._context.cut_short.clear()
        await self._remember_names()
        try:
            active, complete = await self._alertmanager.alerts(), True
        except PartialAnswerError as partial:
            active, complete = partial.seen, False
        except OutsideError as error:
            self._say(error)
            return None
        self._answered = True
        ours = await self._context.journal.open_alerts()
        held = [Held(one.alert, one.fingerprint) for one in ours]
        drift = compare(
            held,
            active,
            self._context.heard_as,
            self._absent,
            self._context.now(),
            complete=complete,
        )
        self._absent = drift.absent
        await self._apply(drift, {one.alert: one for one in ours})
        return drift

    async def pause(self, every: float) -> None:
        """Until the next look, which is soon after a delivery was cut short: nothing else tells what it left out."""
        least = min(every, SOON)
        await self._context.tools.clock.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(every - least):
                await self._context.cut_short.wait()

    async def _remember_names(self) -> None:
        """Alertmanager's names for us outlive a restart: what it missed was sent to one of them."""
        journal, heard_as = self._context.journal, self._context.heard_as
        if not self._written:
            heard_as.update(json.loads(await journal.recall(HEARD_AS) or "[]"))
        if heard_as and heard_as != self._written:
            await journal.remember(HEARD_AS, json.dumps(sorted(heard_as)[:32]))
            self._written = frozenset(heard_as)

    async def _apply(self, drift: Drift, ours: Mapping[str, OpenAlert]) -> None:
        context, now = self._context, self._context.now()
        await context.journal.confirm(drift.present, now)
        settings = context.settings()
        targets = tuple(settings.targets.values())
        source = settings.auth.webhook[0].name if settings.auth.webhook else "alertmanager"
        missed = (_firing(alert, source) for alert in drift.missed)
        opened = [Seen(seen, draft(seen, settings.playbooks, targets)) for seen in missed]
        if not context.heard_as:  # then only what a playbook answers is taken for ours
            opened = [one for one in opened if one.draft is not None and one.draft.playbook]
        closed = [Seen(_over(ours[alert], now), None) for alert in drift.gone]
        if not opened and not closed:
            return
        done = await context.journal.ingest([*opened, *closed], now)
        kinds = done.kinds[: len(opened)], done.kinds[len(opened) :]
        found, lost = (each.count(Kind.NEW) for each in kinds)
        metrics.DRIFT.labels("missed").inc(found)
        metrics.DRIFT.labels("gone").inc(lost)
        if found or lost:
            log.info("brought in line with Alertmanager", missed=found, gone=lost)

    def _say(self, error: OutsideError) -> None:
        """Once when it begins to fail, not at every look."""
        if self._answered:
            log.warning("Alertmanager cannot be asked", error=str(error))
        self._answered = False


def _firing(alert: ActiveAlert, source: str) -> Observation:
    return Observation(
        source=source,
        fingerprint=alert.fingerprint,
        status=Status.FIRING,
        starts_at=alert.starts_at,
        ends_at=None,
        labels=alert.labels,
        annotations=alert.annotations,
        generator_url=alert.generator_url,
        confirmed=True,
        as_of=alert.updated_at,
    )


def _over(alert: OpenAlert, now: float) -> Observation:
    return Observation(
        source=alert.source,
        fingerprint=alert.fingerprint,
        status=Status.RESOLVED,
        starts_at=alert.starts_at,
        ends_at=max(now, alert.starts_at),
        labels=alert.labels,
    )
