"""The answers in the documents' JSON: sections of figures, each null where there is none, with the reason in `missing`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypedDict, TypeVar, cast

from receiver.web.monitoring.alerts import AlertShown, AlertStats
from receiver.web.monitoring.health import Health, Word
from receiver.web.monitoring.readings import Found

Missing = dict[str, str]
T = TypeVar("T")


class PartShown(TypedDict):
    """One part in one word."""

    status: Word


class Parts(TypedDict):
    """What is watched, in words."""

    errors: PartShown
    performance: PartShown
    uptime: PartShown
    alerts: PartShown


class HealthShown(TypedDict):
    """Words only, because anybody may ask."""

    status: Word
    message: str
    timestamp: str
    metrics: Parts


class Errors(TypedDict):
    """Of the period: errors that apps reported, requests answered with 5xx, and their percentage."""

    total: float | None
    critical: float | None
    failedRequests: float | None
    rate: float | None
    missing: Missing


class Performance(TypedDict):
    """Requests of the period; times in milliseconds, `max` is the bound of the slowest bucket."""

    requests: float | None
    average: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    max: float | None
    routeP95: float | None
    apiP95: float | None
    dbP95: float | None
    externalP95: float | None
    missing: Missing


class ServiceUptime(TypedDict):
    """A service as its probes see it: percentage of the period, milliseconds now."""

    service: str
    status: Literal["up", "down", "degraded", "unknown"]
    uptime: float | None
    responseTime: float | None


class Uptime(TypedDict):
    """Percentage of the period, of all probes and of each service."""

    overall: float | None
    services: list[ServiceUptime]
    missing: Missing


class Dashboard(TypedDict):
    """A period in figures."""

    timestamp: str
    period: str
    errors: Errors
    performance: Performance
    uptime: Uptime
    alerts: AlertStats
    health: HealthShown


class DashboardAnswer(TypedDict):
    """As the documents wrap it."""

    success: bool
    data: Dashboard


class AlertsFound(TypedDict):
    """Newest first; `stats` are of those that are open."""

    alerts: list[AlertShown]
    stats: AlertStats


class AlertsAnswer(TypedDict):
    """As the documents wrap it."""

    success: bool
    data: AlertsFound


class AlertAnswer(TypedDict):
    """As the documents wrap it."""

    success: bool
    data: AlertShown


class Database(TypedDict):
    """PostgreSQL now; deadlocks of the last hour, milliseconds."""

    connectionsUsed: float | None
    connectionsUsable: float | None
    poolPercent: float | None
    queryP95: float | None
    sizeBytes: float | None
    deadlocks: float | None
    missing: Missing


class Cache(TypedDict):
    """Redis now; hits and evictions of the last hour."""

    hitPercent: float | None
    memoryUsedBytes: float | None
    keys: float | None
    evictedKeys: float | None
    clients: float | None
    missing: Missing


class Usage(TypedDict):
    """What is used now; of several machines the fullest."""

    requestsPerSecond: float | None
    cpuPercent: float | None
    memoryPercent: float | None
    diskPercent: float | None
    jobsWaiting: float | None
    missing: Missing


class Admin(TypedDict):
    """The system in figures, and the alerts that are open."""

    timestamp: str
    database: Database
    cache: Cache
    usage: Usage
    alerts: AlertsFound


class AdminAnswer(TypedDict):
    """As the documents wrap it."""

    success: bool
    data: Admin


def health_shown(health: Health, at: str) -> HealthShown:
    """Words."""
    parts = health.parts
    return {
        "status": health.status,
        "message": health.message,
        "timestamp": at,
        "metrics": {
            "errors": {"status": parts["errors"]},
            "performance": {"status": parts["performance"]},
            "uptime": {"status": parts["uptime"]},
            "alerts": {"status": parts["alerts"]},
        },
    }


def section(kind: type[T], found: Found) -> T:
    """The figures that `kind` names, rounded to what anybody can read, and why there is none where there is none."""
    figures = {name: _rounded(one.value) for name, one in found.items()}
    missing = {name: one.why for name, one in found.items() if one.value is None}
    return cast(T, {**figures, "missing": missing})


def service_shown(name: str, seen: Mapping[str, float]) -> ServiceUptime:
    """One service."""
    return {
        "service": name,
        "status": _standing(seen.get("now")),
        "uptime": _rounded(seen.get("uptime")),
        "responseTime": _rounded(seen.get("responseTime")),
    }


def _standing(share: float | None) -> Literal["up", "down", "degraded", "unknown"]:
    if share is None:
        return "unknown"
    return "up" if share >= 1 else "degraded" if share > 0 else "down"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
