"""Incidents as the API shows them (contract section 5): the words of the journal, times in RFC 3339."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypedDict

from prunella.timestamps import timestamp
from receiver.decide.incident import Incident, State
from receiver.decide.moments import words_of


class IncidentRow(TypedDict):
    """An incident in the list."""

    id: int
    state: State
    episode: str
    playbook: str | None
    targets: list[str]
    severity: str
    title: str
    opened_at: str | None
    resolved_at: str | None
    acknowledged_by: str | None
    rung: str | None
    reason: str


class IncidentTold(IncidentRow):
    """One incident: `timeline` has the journal's own rows, each with `at` and with `text`, as people read it."""

    runbook: str | None
    timeline: list[dict[str, Any]]


class IncidentList(TypedDict):
    """Newest first."""

    incidents: list[IncidentRow]


class Begun(TypedDict):
    """The incident in which it is done."""

    incident: int


def rfc3339(seconds: float | None) -> str | None:
    """Unix seconds as people and other programs read them; null for never."""
    return None if seconds is None else timestamp(seconds)


def incident_json(incident: Incident) -> IncidentRow:
    """One row of the list."""
    return {
        "id": incident.id,
        "state": incident.state,
        "episode": incident.episode,
        "playbook": incident.playbook,
        "targets": list(incident.targets),
        "severity": incident.severity,
        "title": incident.title,
        "opened_at": rfc3339(incident.opened_at),
        "resolved_at": rfc3339(incident.resolved_at),
        "acknowledged_by": incident.acknowledged_by,
        "rung": incident.step or None,
        "reason": str(incident.reason),
    }


def timeline(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The incident's own rows of the journal, oldest first, each with `text` as people read it."""
    return [
        {"at": rfc3339(row["t"]), **row, "text": words_of(row)} for row in map(json.loads, lines)
    ]
