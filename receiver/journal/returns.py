"""An alert that comes back so soon that our repair cannot have lasted: the same for both engines.

The incident is opened again instead of a new one, so that the ladder is not begun from its foot, and what did not last
is counted as ineffective.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prunella.service.units import parse_duration
from receiver.decide.episode import Observation, episode_name
from receiver.decide.incident import Incident
from receiver.decide.plan import Draft, Playbook
from receiver.journal import Event

DEFAULT = Playbook.model_fields["reopen_window"].default


@dataclass(frozen=True, slots=True)
class Healed:
    """The incident of a key that was healed last, and which of the alerts in question it had."""

    incident: Incident
    alerts: frozenset[str]


def again(healed: Incident, draft: Draft, seen: Observation, now: float) -> Incident | None:
    """The healed incident as `seen` opens it again, or None: then it is a new one.

    A playbook that was changed meanwhile begins at its foot: its rungs are others.
    """
    if dict(healed.plan) != json.loads(json.dumps(dict(draft.plan))):
        return None
    said = draft.plan.get("reopen_window")
    window = DEFAULT if said is None else parse_duration(said)
    if not healed.undone_by(now, window):
        return None
    return healed.reopened(episode_name(seen.fingerprint, seen.starts_at), now)


def came_back(healed: Mapping[str, Healed], keys: Iterable[str]) -> list[int]:
    """The healed incidents whose problem is back, be it as themselves or as new ones."""
    return sorted({healed[key].incident.id for key in keys if key in healed})


def reopened_event(incident: Incident, seen: Observation) -> Event:
    """The audit row of it: that of an opening, and where the ladder goes on."""
    data = {
        "incident": incident.id,
        "ep": incident.episode,
        "playbook": incident.playbook,
        "targets": list(incident.targets),
        "severity": incident.severity,
        "alertname": seen.labels.get("alertname", ""),
        "rung": incident.rung,
        "attempt": incident.attempt,
    }
    return Event("reopened", data)
