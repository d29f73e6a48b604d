"""Looks whether the incident's alerts are over: a hint that may come late, so this check is not a direct one.

A resolve that we have received counts. For an alert that is still open here, every source that is configured has to
say that it is gone: Alertmanager forgets alerts when it restarts or when Prometheus has died, and Prometheus does not
know alerts that somebody else sends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar, Literal

from receiver.checks.base import Check, FiringAlert, Scene
from receiver.decide.matchers import quoted
from receiver.decide.verdict import Outcome, Sample
from receiver.tools import ActiveAlert, OutsideError, PartialAnswerError, Tools

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class AlertCleared(Check):
    """Passes when no alert of the incident fires any more."""

    direct: ClassVar[bool] = False
    shorthand: ClassVar[str | None] = "state"

    state: Literal["cleared"] = "cleared"

    async def sample(self, scene: Scene, tools: Tools) -> Sample:
        still = [alert for alert in scene.alerts if alert.open]
        if not still:
            return Sample(Outcome.PASS, "every alert is resolved", direct=False)
        asked = False
        try:
            if tools.alertmanager is not None:
                asked, held = True, await _held_by_alertmanager(still, tools)
                if held:
                    return _firing(len(held), "Alertmanager")
            if tools.prometheus is not None:
                asked, fires = True, await _fires_in_prometheus(still, tools)
                if fires:
                    return _firing(fires, "Prometheus")
        except OutsideError as error:
            return Sample(Outcome.NO_DATA, str(error), direct=False)
        if not asked:
            return _firing(len(still), "the last delivery")
        return Sample(Outcome.PASS, "no alert fires any more", direct=False)


def _firing(count: int, source: str) -> Sample:
    return Sample(Outcome.FAIL, f"{count} still firing, says {source}", direct=False)


async def _held_by_alertmanager(still: Sequence[FiringAlert], tools: Tools) -> list[FiringAlert]:
    if tools.alertmanager is None:
        return []
    try:
        return _among(still, await tools.alertmanager.alerts())
    except PartialAnswerError as error:
        if held := _among(still, error.seen):
            return held
        raise


def _among(still: Sequence[FiringAlert], active: Sequence[ActiveAlert]) -> list[FiringAlert]:
    fingerprints = {alert.fingerprint for alert in active}
    label_sets = {frozenset(alert.labels.items()) for alert in active}
    return [
        alert
        for alert in still
        if alert.fingerprint in fingerprints or frozenset(alert.labels.items()) in label_sets
    ]


async def _fires_in_prometheus(still: Sequence[FiringAlert], tools: Tools) -> int:
    if tools.prometheus is None:
        return 0
    answers = [await tools.prometheus.query(_selector(alert)) for alert in still]
    return sum(1 for values in answers if values)


def _selector(alert: FiringAlert) -> str:
    """The alert's own series. A label that Prometheus adds on the way out (external_labels) is missing there, so each
    may be missing; that selects too much rather than too little, which only delays a pass."""
    matchers = ['alertstate="firing"']
    for name, value in sorted(alert.labels.items()):
        if name == "alertname":
            matchers.append(f"alertname={quoted(value)}")
        elif _NAME.fullmatch(name) and name != "alertstate" and not name.startswith("__"):
            matchers.append(f"{name}=~{quoted(re.escape(value) + '|')}")
    return f"ALERTS{{{','.join(matchers)}}}"
