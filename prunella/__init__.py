"""What a Python service imports to be seen by Prometheus. Needs nothing but prometheus-client.

Each name is loaded when it is first used: an app that only counts does not wait for asyncio and the rest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from prunella.version import version

if TYPE_CHECKING:
    from prunella import health
    from prunella.alerts import create_alert, resolve_alert, send_alert
    from prunella.correlation import carried, correlated, correlation_id
    from prunella.errors import (
        add_breadcrumb,
        capture_message,
        ignore_errors,
        report_errors_to,
        set_user,
        track_error,
    )
    from prunella.logs import create_logger
    from prunella.metrics import REGISTRY, Counter, Gauge, Histogram
    from prunella.timing import timer

_HOMES = {
    "REGISTRY": "metrics",
    "Counter": "metrics",
    "Gauge": "metrics",
    "Histogram": "metrics",
    "add_breadcrumb": "errors",
    "capture_message": "errors",
    "carried": "correlation",
    "correlated": "correlation",
    "correlation_id": "correlation",
    "create_alert": "alerts",
    "create_logger": "logs",
    "ignore_errors": "errors",
    "report_errors_to": "errors",
    "resolve_alert": "alerts",
    "send_alert": "alerts",
    "set_user": "errors",
    "timer": "timing",
    "track_error": "errors",
}

__all__ = [
    "REGISTRY",
    "Counter",
    "Gauge",
    "Histogram",
    "add_breadcrumb",
    "capture_message",
    "carried",
    "correlated",
    "correlation_id",
    "create_alert",
    "create_logger",
    "health",
    "ignore_errors",
    "report_errors_to",
    "resolve_alert",
    "send_alert",
    "set_user",
    "timer",
    "track_error",
    "version",
]


def __getattr__(name: str) -> object:
    if name == "health":  # a module, which the import makes an attribute
        return import_module("prunella.health")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'prunella' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"prunella.{home}"), name)
    return value
