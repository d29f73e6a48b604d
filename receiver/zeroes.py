"""Counters that are there at 0 from the start, for whatever the config names.

A counter that is born with its first event is 1 the first time Prometheus sees it, and neither `rate` nor `increase` knows that it was 0 before:
the first failed action of a new receiver would be in no alert and in no graph. Prometheus' own advice is to begin at 0
(prometheus.io/docs/practices/instrumentation, "Avoid missing metrics").
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from prunella.metrics import Counter
from receiver import metrics
from receiver.decide.episode import Kind, Status
from receiver.decide.going_back import UNDER_WAY, Step
from receiver.decide.plan import Playbook
from receiver.decide.reason import Reason
from receiver.decide.verdict import Verdict
from receiver.settings import ReceiverSettings

RESULTS = ("ok", "failed", "timeout", "unknown", "cancelled")
SENT = ("ok", "retry", "unknown", "permanent", "gave_up")

Series = tuple[Counter, tuple[str, ...]]


def begin_at_zero(settings: ReceiverSettings) -> None:
    """Those of the playbooks, targets and channels that are in force; what is counted already stays."""
    for counter, values in (*_fixed(), *_named(settings)):
        counter.labels(*values)


def _fixed() -> Iterator[Series]:
    for result in ("accepted", "refused", "unavailable"):
        yield metrics.DELIVERIES, (result,)
    for status, kind in product(Status, Kind):
        yield metrics.ALERTS, (str(status), str(kind))
    for reason in Reason:
        yield metrics.REFUSALS, (str(reason),)
    for drift in ("missed", "gone"):
        yield metrics.DRIFT, (drift,)


def _named(settings: ReceiverSettings) -> Iterator[Series]:
    for playbook in settings.playbooks:
        yield from _of(playbook)
    for channel, result in product(settings.channels, SENT):
        yield metrics.NOTIFICATIONS, (channel, result)
    for name, target in settings.targets.items():
        if getattr(target, "release", None) is not None:
            yield metrics.RELEASES_DETECTED, (name,)
            for step in sorted(set(Step) - UNDER_WAY):
                yield metrics.ROLLBACKS, (name, str(step))


def _of(playbook: Playbook) -> Iterator[Series]:
    for verdict in Verdict:
        yield metrics.VERDICTS, (playbook.name, str(verdict))
    for rung in playbook.ladder:
        yield metrics.DEMOTIONS, (playbook.name, rung.name)
        for result in RESULTS:
            yield metrics.ACTIONS, (playbook.name, rung.action, result)
