"""What a verification hands to a check."""

from __future__ import annotations

from collections.abc import Mapping

from receiver.checks.base import FiringAlert, Scene
from receiver.targets import HttpFacet, Target


def a_scene(*alerts: FiringAlert, base_url: str | None = None) -> Scene:
    http = HttpFacet(base_url=base_url) if base_url else None
    return Scene(Target(name="shop", http=http), alerts)


def a_firing_alert(
    fingerprint: str = "f1", labels: Mapping[str, str] | None = None, *, is_open: bool = True
) -> FiringAlert:
    return FiringAlert(fingerprint, {"alertname": "Down", **(labels or {})}, is_open)
