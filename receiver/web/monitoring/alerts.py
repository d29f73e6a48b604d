"""Incidents as the documents' alerts: what they are about, whether they are over, and who has acknowledged them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TypedDict

from prunella.timestamps import timestamp
from receiver.decide.incident import CLOSED, Incident, State
from receiver.journal.views import Standing
from receiver.web.shapes import rfc3339

REMEMBERED = 7 * 86400.0  # seconds for which one that is over is listed
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


def shown(incident: Incident) -> AlertShown:
    """One of them."""
    return {
        "id": incident.id,
        "type": kind_of(incident.labels.get("symptom", "")),
        "severity": incident.severity,
        "title": incident.title,
        "message": incident.annotations.get("description") or incident.title,
        "service": incident.labels.get("service"),
        "timestamp": timestamp(incident.opened_at),
        "state": incident.state,
        "acknowledged": incident.acknowledged_by is not None,
        "acknowledgedBy": incident.acknowledged_by,
        "resolved": incident.state in CLOSED,
        "resolvedAt": rfc3339(incident.resolved_at),
    }


def kind_of(symptom: str) -> str:
    """The documents' word for what an incident is about."""
    return TYPES.get(symptom, OTHER)


def stats(standing: Sequence[Standing]) -> AlertStats:
    """How many open ones there are of what."""
    acknowledged = sum(one.acknowledged for one in standing)
    severities = Counter(one.severity for one in standing)
    return {
        "total": len(standing),
        "unacknowledged": len(standing) - acknowledged,
        "acknowledged": acknowledged,
        "critical": severities["critical"],
        "byType": _sorted(Counter(kind_of(one.symptom) for one in standing)),
        "bySeverity": _sorted(severities),
    }


def _sorted(counted: Counter[str]) -> dict[str, int]:
    return dict(sorted(counted.items()))
