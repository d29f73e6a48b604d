from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from receiver.backtest.cases import Case, read_cases
from receiver.backtest.history import Heard, Stretch, heard
from receiver.backtest.replay import Span, Wish, replay
from receiver.backtest.report import Report, report_of
from receiver.backtest.world import harmless
from receiver.decide.plan import Mode
from receiver.settings import ReceiverSettings
from tests.receiver.rig import CONFIG

MIDNIGHT = 1_789_948_800.0  # 2026-09-21 00:00 UTC
MINUTE, HOUR = 60.0, 3600.0


def wrong(
    begins: float, minutes: float | None, service: str = "shop", name: str = "HighErrorRate"
) -> Stretch:
    """An alert that fires from `begins` (seconds after midnight) on."""
    labels = {"alertname": name, "service": service, "severity": "critical"}
    at = MIDNIGHT + begins
    return Stretch(labels, at, None if minutes is None else at + minutes * MINUTE)


def book(**changes: Any) -> dict[str, Any]:
    """The rig's own playbook, changed: two rungs, looked at for 10 s each after one second."""
    return {**CONFIG["playbooks"][0], **changes}


def settings(**changes: Any) -> ReceiverSettings:
    return ReceiverSettings.model_validate({**CONFIG, **changes})


async def cases_of(
    history: Sequence[Stretch],
    hours: float = 24.0,
    *,
    helps: bool = False,
    mode: Mode | None = Mode.AUTO,
    **changes: Any,
) -> list[Case]:
    """What would have become of it, with the rig's config changed."""
    config = settings(**changes)
    span = Span(MIDNIGHT, MIDNIGHT + hours * HOUR)
    rows = await replay(harmless(config, mode), heard(history), span, Wish(helps))
    return read_cases(rows, {one.name: [r.name for r in one.ladder] for one in config.playbooks})


def report(cases: Sequence[Case], hours: float = 24.0, **changes: Any) -> Report:
    config = settings(**changes)
    span = Span(MIDNIGHT, MIDNIGHT + hours * HOUR)
    return report_of(cases, config.playbooks, config.mode, span, (1, len(cases)))


def acted(case: Case) -> list[tuple[float, str]]:
    """When (seconds after midnight) which rung."""
    return [(one.at - MIDNIGHT, one.rung) for one in case.acted]


def starts(told: Sequence[Heard]) -> list[tuple[float, str]]:
    return [(one.at, one.alert["status"]) for one in told]
