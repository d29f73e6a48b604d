"""Alerts as the journal shows them to those who ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IncidentAlert:
    """An episode of an incident."""

    fingerprint: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    generator_url: str
    starts_at: float
    opened_at: float
    open: bool
    muted: str = ""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """An alert with an open episode; `muted` is "", silenced or inhibited."""

    source: str
    fingerprint: str
    labels: Mapping[str, str]
    starts_at: float
    last_seen: float
    muted: str

    @property
    def alert(self) -> str:
        """As Observation.alert."""
        return f"{self.source}:{self.fingerprint}"
