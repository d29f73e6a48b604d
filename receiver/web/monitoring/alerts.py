"""Incidents as the documents' alerts: what they are about, whether they are over, and who has acknowledged them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from receiver.decide.incident import CLOSED, Incident, State
from receiver.journal import Journal, Page
from receiver.web.shapes import moment, rfc3339

REMEMBERED = 7 * 86400.0  # seconds for which one that is over is listed
MOST = 1000  # that are open, and as many that are over
TYPES: Mapping[str, str] = {
    "errors": "error_rate",
    "latency": "performance",
    "availability": "uptime",
}
OTHER = "custom"


class AlertShown(TypedDict):
    """One incident; `id` is the incident's."""

    id: int
    type: str
    severity: str
    title: str
    message: str
    service: str | None
    timestamp: str
    state: State
    acknowledged: bool
    acknowledgedBy: str | None
    resolved: bool
    resolvedAt: str | None


class AlertStats(TypedDict):
    """Of those that are open; `byType` and `bySeverity` too."""

    total: int
    unacknowledged: int
    acknowledged: int
    critical: int
    byType: dict[str, int]
    bySeverity: dict[str, int]


async def lately_over(journal: Journal, now: float) -> tuple[Incident, ...]:
    """Those that ended in the last days, newest first."""
    closed = await journal.incidents(Page(State.RESOLVED, MOST))
    return tuple(one for one in closed if now - (one.resolved_at or 0.0) <= REMEMBERED)


def shown(incident: Incident) -> AlertShown:
    """One of them."""
    return {
        "id": incident.id,
        "type": kind_of(incident),
        "severity": incident.severity,
        "title": incident.title,
        "message": incident.annotations.get("description") or incident.title,
        "service": incident.labels.get("service"),
        "timestamp": moment(incident.opened_at),
        "state": incident.state,
        "acknowledged": incident.acknowledged_by is not None,
        "acknowledgedBy": incident.acknowledged_by,
        "resolved": incident.state in CLOSED,
        "resolvedAt": rfc3339(incident.resolved_at),
    }


def kind_of(incident: Incident) -> str:
    """The documents' word for what it is about."""
    return TYPES.get(incident.labels.get("symptom", ""), OTHER)


def stats(incidents: Sequence[Incident]) -> AlertStats:
    """How many open ones there are of what."""
    waiting = sum(one.acknowledged_by is None for one in incidents)
    return {
        "total": len(incidents),
        "unacknowledged": waiting,
        "acknowledged": len(incidents) - waiting,
        "critical": sum(one.severity == "critical" for one in incidents),
        "byType": _counted([kind_of(one) for one in incidents]),
        "bySeverity": _counted([one.severity for one in incidents]),
    }


def _counted(words: Sequence[str]) -> dict[str, int]:
    return {word: words.count(word) for word in sorted(set(words))}
