"""Incidents as the API shows them (contract section 5): the words of the journal, times in RFC 3339."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from receiver.decide.incident import Incident
from receiver.decide.moments import words_of


def rfc3339(seconds: float | None) -> str | None:
    """Unix seconds as people and other programs read them."""
    if seconds is None:
        return None
    return (
        datetime.fromtimestamp(seconds, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z")
    )


def incident_json(incident: Incident) -> dict[str, object]:
    """One row of the list."""
    return {
        "id": incident.id,
        "state": str(incident.state),
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


def timeline(lines: Iterable[str]) -> list[dict[str, object]]:
    """The incident's own rows of the journal, oldest first, each with `text` as people read it."""
    return [
        {"at": rfc3339(row["t"]), **row, "text": words_of(row)} for row in map(json.loads, lines)
    ]
