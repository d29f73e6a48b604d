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
    from prunella.eventloop import watch_event_loop
    from prunella.generations import generation
    from prunella.logs import create_logger
    from prunella.metrics import REGISTRY, Counter, Gauge, Histogram
    from prunella.pools import watch_pool
    from prunella.runtime import watch_runtime
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
    "generation": "generations",
    "ignore_errors": "errors",
    "report_errors_to": "errors",
    "resolve_alert": "alerts",
    "send_alert": "alerts",
    "set_user": "errors",
    "timer": "timing",
    "track_error": "errors",
    "watch_event_loop": "eventloop",
    "watch_pool": "pools",
    "watch_runtime": "runtime",
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
    "generation",
    "health",
    "ignore_errors",
    "report_errors_to",
    "resolve_alert",
    "send_alert",
    "set_user",
    "timer",
    "track_error",
    "version",
    "watch_event_loop",
    "watch_pool",
    "watch_runtime",
]


def __getattr__(name: str) -> object:
    if name == "health":  # a module, which the import makes an attribute
        return import_module("prunella.health")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'prunella' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"prunella.{home}"), name)
    return value
