"""What Prometheus asks for: which collectors, and within which time."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

HEADER = "x-prometheus-scrape-timeout-seconds"
OFFSET = 0.5  # for the way back; Prometheus counts from its own side of the network


class RefusedError(Exception):
    """The request cannot be answered as it stands: 400, and the text says why."""


def wanted(known: Collection[str], collect: Sequence[str], exclude: Sequence[str]) -> list[str]:
    """The collectors to ask, in their own order. Raises RefusedError."""
    if collect and exclude:
        raise RefusedError("collect[] and exclude[] cannot be given together")
    for name in (*collect, *exclude):
        if name not in known:
            raise RefusedError(
                f"there is no collector {name[:100]!r} here, only: {', '.join(known)}"
            )
    return [name for name in known if (name in collect if collect else name not in exclude)]


def time_allowed(header: str | None, limit: float) -> float:
    """Seconds for the collectors, from X-Prometheus-Scrape-Timeout-Seconds. Raises RefusedError."""
    if header is None:
        return limit
    try:
        timeout = float(header)
    except ValueError:
        timeout = math.nan
    if not (math.isfinite(timeout) and timeout > 0):
        raise RefusedError(
            f"X-Prometheus-Scrape-Timeout-Seconds must be a number above 0, not {header[:100]!r}"
        )
    # With less than a second in all, half of it is ours.
    return min(limit, max(timeout - OFFSET, timeout / 2))
