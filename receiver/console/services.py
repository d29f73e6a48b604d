"""How each service is, in three words: its app, its databases, its queues; as the exporter measures and the rules judge.

Prometheus is asked beside the page, for everybody at once: a page waits for a moment, and says as of when it knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from receiver.stages.context import Context
from receiver.tools import OutsideError, Prometheus
from receiver.web.monitoring.health import Word
from receiver.web.monitoring.readings import Shared

PATIENCE = 0.1  # seconds for which a page waits
FRESH = 10.0  # seconds for which the answer is the same for everybody
LATEST = 10.0  # seconds in which Prometheus must answer
PARTS = ("app", "db", "queue")
# 1 where all of it is up, 0 where something is not
_UP: Mapping[str, str] = {
    "app": 'min by (service) ({__name__=~"probe_success|prunella_process_up"})',
    "db": 'min by (service) ({__name__=~"pg_up|redis_up|pgbouncer_up"})',
    "queue": 'min by (service) (prunella_queue_jobs{state="waiting"} >= bool 0)',
}
_ALERTS = 'max by (service, symptom, severity) (ALERTS{alertstate="firing", service!=""})'
_SYMPTOMS = {"db": "db", "cache": "db", "queue": "queue"}  # whatever else there is is the app's
_SEVERITIES = {"critical": Word.UNHEALTHY, "warning": Word.DEGRADED}
_ORDER = (Word.HEALTHY, Word.DEGRADED, Word.UNHEALTHY)
Found = dict[str, dict[str, Word]]  # by service and part


@dataclass(frozen=True, slots=True)
class Known:
    """`at` is when, in unix seconds; `why` why there is nothing, or nothing newer."""

    services: Mapping[str, Mapping[str, Word]]
    at: float | None = None
    why: str = ""


class Services:
    """Of one receiver."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._answer = Shared(self._ask, context.tools.clock, FRESH)
        self._known = Known({}, why="Prometheus is being asked.")

    async def look(self) -> Known:
        """What is known now, and soon more."""
        if self._context.tools.prometheus is None:
            return Known({}, why="No Prometheus is configured.")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._answer.get()
        except TimeoutError:
            return self._known

    async def _ask(self) -> Known:
        prometheus = self._context.tools.prometheus
        if prometheus is not None:
            try:
                async with asyncio.timeout(LATEST):
                    self._known = Known(await _asked(prometheus), self._context.now())
            except (OutsideError, TimeoutError) as error:
                why = f"Prometheus does not say: {str(error)[:200] or 'it took too long'}"
                self._known = Known(self._known.services, self._known.at, why)
        return self._known


async def _asked(prometheus: Prometheus) -> Found:
    found: Found = {}
    for part, expr in _UP.items():
        for labels, value in await prometheus.labelled(expr):
            word = Word.HEALTHY if value > 0 else Word.UNHEALTHY
            _worsen(found, labels.get("service", ""), part, word)
    for labels, _ in await prometheus.labelled(_ALERTS):
        part = _SYMPTOMS.get(labels.get("symptom", ""), "app")
        badness = _SEVERITIES.get(labels.get("severity", ""))
        if badness is not None:
            _worsen(found, labels.get("service", ""), part, badness)
    return {service: found[service] for service in sorted(found)}


def _worsen(found: Found, service: str, part: str, word: Word) -> None:
    """As bad as the worst that is known of it."""
    parts = found.setdefault(service or "(no service)", {})
    parts[part] = max(word, parts.get(part, Word.HEALTHY), key=_ORDER.index)
