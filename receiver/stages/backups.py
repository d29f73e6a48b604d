"""Shows how old, how large and how well proven the backups are: 0 for never, and a series for all that is configured.

Read from what lies beside them every time, so that it is right after a restart, and after a run by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from prunella.logs import create_logger
from prunella.metrics import Gauge
from receiver import metrics
from receiver.backups.record import Runs
from receiver.backups.showing import Shown, label, look
from receiver.stages.context import Context
from receiver.stages.gauges import Shifting
from receiver.stages.releases import service_of
from receiver.targets import Target

log = create_logger("prunella.receiver.backups")
EVERY = 5.0
GAUGES: Mapping[Gauge, str] = {
    metrics.BACKUP_SUCCESS: "success",
    metrics.BACKUP_SIZE: "size",
    metrics.BACKUP_OK: "ok",
    metrics.BACKUP_VERIFIED: "verified",
    metrics.BACKUP_ATTEMPT: "attempt",
    metrics.BACKUP_SECONDS: "seconds",
    metrics.BACKUP_VERIFY_ATTEMPT: "verify_attempt",
    metrics.BACKUP_VERIFY_OK: "verify_ok",
    metrics.BACKUP_RESTORE_SECONDS: "restore_seconds",
}


class BackupGauges:
    """Shows them, and takes away those of what the config names no longer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._gauges = Shifting((*GAUGES, metrics.BACKUP_FREE))

    async def watch(self) -> None:
        """For ever."""
        while True:
            await self.show()
            await self._context.tools.clock.sleep(EVERY)

    async def show(self) -> None:
        """Once."""
        series: dict[Gauge, dict[tuple[str, ...], float]] = {
            gauge: {} for gauge in (*GAUGES, metrics.BACKUP_FREE)
        }
        for target in self._context.settings().targets.values():
            if target.backup is not None:
                shown = await asyncio.to_thread(look, target.name, target.backup, target.postgres)
                _add(series, target, shown)
        self._gauges.show(series)


def _add(
    series: Mapping[Gauge, dict[tuple[str, ...], float]], target: Target, shown: Shown
) -> None:
    if shown.problem:
        log.warning("backups cannot be seen", target=target.name, problem=shown.problem)
    for kind, runs in shown.runs.items():
        labels = service_of(target), label(target.name, kind)
        for gauge, name in GAUGES.items():
            series[gauge][labels] = _value(runs, name)
        if shown.free is not None:
            series[metrics.BACKUP_FREE][labels] = shown.free


def _value(runs: Runs, name: str) -> float:
    return float(getattr(runs, name))
