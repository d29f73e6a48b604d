"""`/api/health/ai` and `/api/health/external`: whether those answer whom we depend on, as the probes have seen.

They degrade and are never unhealthy: who cannot reach a provider still serves all that does not need it, and to take
it out of service, too, would help nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from exporter.collectors.endpoints import Endpoint
from exporter.report import Report, Status, worst


async def look_at_endpoints(endpoints: Sequence[Endpoint]) -> Report:
    """Nothing is asked: the probes are made in the background."""
    return Report(worst(map(_status, endpoints)), {"endpoints": [_shown(one) for one in endpoints]})


def _status(endpoint: Endpoint) -> Status:
    latest = endpoint.latest
    return Status.HEALTHY if latest is None or latest.success else Status.DEGRADED


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    latest = endpoint.latest
    return {
        "name": endpoint.labels[0],
        "status": _status(endpoint) if latest is not None else "unknown",
        "responseTime": f"{latest.seconds * 1000:.0f}ms" if latest is not None else None,
        "consecutiveFailures": endpoint.failures_in_a_row,
        **({"reason": latest.reason} if latest is not None and latest.reason else {}),
    }
